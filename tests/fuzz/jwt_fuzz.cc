// A token is taken only when it was signed and says what it must, and is read as any reader of JSON reads it. Input
// without a line's end is a token as it came; otherwise its first line is a header and the rest are claims, which are
// signed here, so that what lies behind the signature is reached, too.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "base/base64url.h"
#include "base/jwt.h"
#include "base/jwt_test_keys.h"
#include "base/text.h"
#include "tests/fuzz/fuzz.h"

namespace weir {
namespace {

using fuzz::Expect;
using nlohmann::json;

constexpr int64_t kNowSeconds = 1'700'000'000;
constexpr int64_t kLeewaySeconds = 30;
constexpr char kIssuer[] = "https://issuer.example";

const JwtKey& Secret() {
  static const JwtKey key = *JwtKey::Parse("HS256", test::RfcSecret(), "secret", "a");
  return key;
}

const JwtKey& Private() {
  static const JwtKey key = *JwtKey::Parse("ES256", test::kRfcPrivatePem, "private");
  return key;
}

// Tokens of kIssuer are of the private key, all others of the secret.
const JwtVerifier& Verifier() {
  static const JwtVerifier verifier = [] {
    JwtVerifierOptions options;
    options.keys = {Secret()};
    options.providers = {{.issuer = kIssuer, .audiences = {"weir"}, .keys = {Private()}}};
    options.leeway = absl::Seconds(kLeewaySeconds);
    return *JwtVerifier::Make(std::move(options));
  }();
  return verifier;
}

absl::StatusOr<JwtClaims> Verify(std::string_view token) {
  return Verifier().Verify(token, absl::FromUnixSeconds(kNowSeconds));
}

bool Holds(const json& claims, const char* name, auto&& is_good) {
  return !claims.contains(name) || is_good(claims.at(name));
}

// What must hold of a token that was taken, looked at anew.
void ExpectGood(std::string_view token, const JwtClaims& taken) {
  Expect(token.size() <= kJwtBytesMax, "a token is not too long");
  Expect(std::count(token.begin(), token.end(), '.') == 2, "a token has three parts");
  const size_t first = token.find('.');
  const size_t second = token.rfind('.');
  const json header = json::parse(*Base64UrlDecode(token.substr(0, first)));
  const json claims = json::parse(*Base64UrlDecode(token.substr(first + 1, second - first - 1)));
  Expect(claims == taken.claims, "the claims are what any reader reads");
  const bool of_issuer = claims.value("iss", "") == kIssuer;
  const JwtKey& key = of_issuer ? Private() : Secret();
  Expect(header.at("alg") == JwtAlgorithmName(key.algorithm()), "the algorithm is the key's");
  Expect(!header.contains("crit"), "nothing is critical");
  Expect(key.Verify(token.substr(0, second), *Base64UrlDecode(token.substr(second + 1))), "the signature is good");
  Expect(of_issuer || !header.contains("kid") || header.at("kid") == "a", "the key is the one that is named");
  Expect(!of_issuer || claims.at("aud") == "weir" ||
             std::find(claims.at("aud").begin(), claims.at("aud").end(), json("weir")) != claims.at("aud").end(),
         "it is for this audience");
  Expect(claims.at("exp").is_number() && claims.at("exp").get<double>() + kLeewaySeconds > kNowSeconds,
         "it is not over");
  for (const char* name : {"nbf", "iat"}) {
    Expect(
        Holds(claims, name,
              [](const json& time) { return time.is_number() && time.get<double>() <= kNowSeconds + kLeewaySeconds; }),
        "it is good already");
  }
  for (const char* name : {"iss", "sub", "jti"}) {
    Expect(Holds(claims, name, [](const json& text) { return text.is_string(); }), "names are text");
  }
  Expect(taken.subject == claims.value("sub", ""), "the subject is the claim");
  Expect(Verifier().HasKey(taken.key), "the key is known");
}

void Try(std::string_view token) {
  const absl::StatusOr<JwtClaims> claims = Verify(token);
  if (!claims.ok()) {
    Expect(claims.status().code() == absl::StatusCode::kUnauthenticated, "a bad token is UNAUTHENTICATED");
    Expect(Message(claims.status()).size() < 120, "the reason holds nothing of the token");
    return;
  }
  ExpectGood(token, *claims);
  // One character more, less or other, here and there.
  for (size_t at = 0; at < token.size(); at += 1 + token.size() / 20) {
    std::string other(token);
    other[at] = other[at] == 'A' ? 'B' : 'A';
    Expect(!Verify(other).ok(), "a changed token is refused");
    other = token;
    other.erase(at, 1);
    Expect(!Verify(other).ok(), "a shorter token is refused");
    other = token;
    other.insert(at, 1, '=');
    Expect(!Verify(other).ok(), "a longer token is refused");
  }
}

}  // namespace
}  // namespace weir

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = weir::fuzz::Text(data, size);
  const size_t end = text.find('\n');
  if (end == std::string_view::npos) {
    weir::Try(text);
    return 0;
  }
  const std::string_view header = text.substr(0, end);
  const weir::JwtKey& key = header.find("ES256") == std::string_view::npos ? weir::Secret() : weir::Private();
  const std::string input = weir::Base64UrlEncode(header) + '.' + weir::Base64UrlEncode(text.substr(end + 1));
  weir::Try(input + '.' + weir::Base64UrlEncode(key.Sign(input).value()));
  return 0;
}
