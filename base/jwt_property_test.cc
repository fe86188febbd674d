// A token is taken exactly as it was signed, or not at all.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/base64url.h"
#include "base/jwt.h"
#include "base/jwt_test_keys.h"
#include "base/text.h"
#include "tests/support/property.h"

namespace weir {
namespace {

using nlohmann::json;
using test::Random;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);
constexpr std::string_view kBase64 = "ABab01-_.=+/ ";

struct Issued {
  std::vector<JwtKey> keys = {JwtKey::Parse("HS256", test::RfcSecret(), "secret", "a").value(),
                              JwtKey::Parse("ES256", test::kRfcPrivatePem, "private", "b").value()};
  JwtVerifier verifier = [this] {
    JwtVerifierOptions options;
    options.keys = keys;
    return JwtVerifier::Make(std::move(options)).value();
  }();
  std::vector<std::string> tokens;
  std::vector<json> claims;

  explicit Issued(Random& random) {
    for (int i = 0; i < 6; ++i) {
      claims.push_back({{"sub", random.Text("abc", 3)},
                        {"exp", 1'700'000'100 + static_cast<int64_t>(random.Below(1000))},
                        {"tenant_id", random.Text("xy.*>", 1 + random.Below(20))}});
      tokens.push_back(SignJwt(random.Pick(keys), claims.back()).value());
    }
  }
};

std::vector<std::string> PartsOf(const std::string& token) {
  const size_t first = token.find('.');
  const size_t second = token.find('.', first + 1);
  return {token.substr(0, first), token.substr(first + 1, second - first - 1), token.substr(second + 1)};
}

// One part of a token changed, taken from another, or written anew with other content.
std::string Forged(Random& random, const Issued& issued) {
  std::vector<std::string> parts = PartsOf(random.Pick(issued.tokens));
  std::string& part = parts[random.Below(3)];
  const std::vector<std::string> others = PartsOf(random.Pick(issued.tokens));
  switch (random.Below(5)) {
    case 0:
      return random.Mutated(random.Pick(issued.tokens), random.OneIn(2) ? kBase64 : "");
    case 1:
      part = random.Pick(others);
      break;
    case 2:
      part = Base64UrlEncode(random.Mutated(Base64UrlDecode(part).value_or("")));
      break;
    case 3: {
      json claims = random.Pick(issued.claims);
      claims[random.OneIn(2) ? "sub" : "exp"] = random.OneIn(2) ? json(1'900'000'000) : json("root");
      parts[1] = Base64UrlEncode(claims.dump());
      break;
    }
    default:
      parts[0] = Base64UrlEncode(json({{"alg", random.OneIn(2) ? "none" : "HS256"}, {"kid", "b"}}).dump());
      parts[2] = random.OneIn(2) ? "" : parts[2];
  }
  return parts[0] + "." + parts[1] + "." + parts[2];
}

TEST(JwtProperty, TakesWhatWasSignedAndNoForgery) {
  int refused = 0;
  test::ForAll(8, [&](Random& random) {
    const Issued issued(random);
    for (size_t i = 0; i < issued.tokens.size(); ++i) {
      const auto claims = issued.verifier.Verify(issued.tokens[i], kNow);
      ASSERT_TRUE(claims.ok()) << Message(claims.status());
      ASSERT_EQ(claims->claims, issued.claims[i]);
    }
    for (int i = 0; i < 150; ++i) {
      const std::string token = Forged(random, issued);
      const auto claims = issued.verifier.Verify(token, kNow);
      const bool known = std::find(issued.tokens.begin(), issued.tokens.end(), token) != issued.tokens.end();
      ASSERT_EQ(claims.ok(), known) << token;
      if (!claims.ok()) {
        ASSERT_EQ(claims.status().code(), absl::StatusCode::kUnauthenticated);
        ++refused;
      }
    }
  });
  EXPECT_GT(refused, 500);
}

// Claims that are rightly signed but make no sense are refused too, and whatever they are, nothing falls over.
TEST(JwtProperty, JudgesAnySignedBytes) {
  Random any(1);
  const Issued issued(any);
  test::ForAll(400, [&](Random& random) {
    const JwtKey& key = issued.keys[0];
    const std::string input =
        Base64UrlEncode(R"({"alg":"HS256"})") + "." +
        Base64UrlEncode(random.Mutated(issued.claims[0].dump(), random.OneIn(2) ? "{}[]\":,e-9\\u" : ""));
    const auto claims = issued.verifier.Verify(input + "." + Base64UrlEncode(key.Sign(input).value()), kNow);
    if (claims.ok()) {
      ASSERT_TRUE(claims->claims.is_object());
      ASSERT_GT(claims->expires, kNow - absl::Minutes(1));
      ASSERT_EQ(claims->claims.contains("sub") ? claims->claims["sub"] : json(""), claims->subject);
    }
  });
}

}  // namespace
}  // namespace weir
