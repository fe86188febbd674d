#include "base/jwt.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "base/base64url.h"
#include "base/jwt_test_keys.h"
#include "base/text.h"

namespace weir {
namespace {

using nlohmann::json;
using testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);
constexpr int64_t kExp = 1'700'003'600;

constexpr std::string_view kRfcHs256Token =
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
    "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
constexpr std::string_view kRfcEs256Token =
    "eyJhbGciOiJFUzI1NiJ9."
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
const absl::Time kRfcNow = absl::FromUnixSeconds(1'300'819'379);

JwtKey Secret(std::string id = "") {
  return JwtKey::Parse("HS256", test::RfcSecret(), "secret", std::move(id)).value();
}
JwtKey OtherSecret(std::string id = "") {
  return JwtKey::Parse("HS256", std::string(32, 'o'), "other", std::move(id)).value();
}
JwtKey Ecdsa(std::string id = "") {
  return JwtKey::Parse("ES256", test::kRfcPrivatePem, "private", std::move(id)).value();
}

JwtVerifier Verifier(std::vector<JwtKey> keys) {
  JwtVerifierOptions options;
  options.keys = std::move(keys);
  return JwtVerifier::Make(std::move(options)).value();
}

// A token of any header and claims text, rightly signed.
std::string Signed(std::string_view header, std::string_view claims, const JwtKey& key = Secret()) {
  const std::string input = fmt::format("{}.{}", Base64UrlEncode(header), Base64UrlEncode(claims));
  return fmt::format("{}.{}", input, Base64UrlEncode(key.Sign(input).value()));
}

std::string WithClaims(const json& claims) { return SignJwt(Secret(), claims).value(); }

std::string WhyNot(const JwtVerifier& verifier, std::string_view token, absl::Time now = kNow) {
  const auto claims = verifier.Verify(token, now);
  EXPECT_EQ(claims.status().code(), absl::StatusCode::kUnauthenticated) << token;
  EXPECT_FALSE(IsJwtExpired(claims.status())) << token;
  return std::string(Message(claims.status()));
}

std::string WhyNot(std::string_view token) { return WhyNot(Verifier({Secret()}), token); }

TEST(JwtVerifier, AcceptsTheExamplesOfRfc7515) {
  for (const std::string_view token : {kRfcHs256Token, kRfcEs256Token}) {
    const auto claims = Verifier({Secret(), Ecdsa()}).Verify(token, kRfcNow);
    ASSERT_TRUE(claims.ok()) << Message(claims.status());
    EXPECT_EQ(claims->claims.at("iss"), "joe");
    EXPECT_EQ(claims->claims.at("http://example.com/is_root"), true);
    EXPECT_EQ(claims->subject, "");
    EXPECT_EQ(claims->expires, absl::FromUnixSeconds(1'300'819'380));
  }
}

TEST(JwtVerifier, AcceptsWhatIsSigned) {
  for (const JwtKey& key : {Secret(), Ecdsa(), Ecdsa("k1")}) {
    const auto token = SignJwt(key, {{"sub", "ann"}, {"exp", kExp}, {"tenant_id", "acme"}});
    ASSERT_TRUE(token.ok());
    const auto claims = Verifier({key}).Verify(*token, kNow);
    ASSERT_TRUE(claims.ok()) << Message(claims.status());
    EXPECT_EQ(claims->subject, "ann");
    EXPECT_EQ(claims->claims.at("tenant_id"), "acme");
  }
}

TEST(JwtVerifier, IgnoresKeysThatATokenBringsAlong) {
  const std::string claims = fmt::format(R"({{"exp":{}}})", kExp);
  constexpr std::string_view kOwn =
      R"({"alg":"HS256","jku":"https://a/","x5u":"https://a/","jwk":{"kty":"oct","k":"b29v"},"x5c":["AA"]})";
  EXPECT_TRUE(Verifier({Secret()}).Verify(Signed(kOwn, claims), kNow).ok());
  EXPECT_THAT(WhyNot(Signed(kOwn, claims, OtherSecret())), HasSubstr("signature is wrong"));
}

TEST(JwtVerifier, RefusesATokenWithAnyCharacterChanged) {
  const JwtVerifier verifier = Verifier({Secret(), Ecdsa()});
  for (const std::string_view token : {kRfcHs256Token, kRfcEs256Token}) {
    for (size_t i = 0; i < token.size(); ++i) {
      std::string changed(token);
      changed[i] = changed[i] == 'A' ? 'B' : 'A';
      EXPECT_FALSE(verifier.Verify(changed, kRfcNow).ok()) << i;
      changed.erase(i, 1);
      EXPECT_FALSE(verifier.Verify(changed, kRfcNow).ok()) << i;
    }
  }
}

TEST(JwtVerifier, RefusesOtherForms) {
  const std::string good(kRfcHs256Token);
  for (const std::string& token : {std::string(), std::string("."), std::string(".."), std::string("..."), good + ".",
                                   "." + good, good + ".AA", good + "=", good + "\n", " " + good, "Bearer " + good,
                                   good.substr(0, good.rfind('.')), good.substr(0, good.rfind('.') + 1)}) {
    EXPECT_FALSE(Verifier({Secret()}).Verify(token, kRfcNow).ok()) << token;
  }
}

TEST(JwtVerifier, TakesTheAlgorithmFromTheKey) {
  const std::string claims = fmt::format(R"({{"exp":{}}})", kExp);
  EXPECT_THAT(WhyNot(Signed(R"({"alg":"none"})", claims)), HasSubstr("no key has its algorithm"));
  EXPECT_THAT(WhyNot(Signed(R"({"alg":"hs256"})", claims)), HasSubstr("no key has its algorithm"));
  EXPECT_THAT(WhyNot(Signed(R"({"alg":"ES256"})", claims)), HasSubstr("no key has its algorithm"));
  EXPECT_THAT(WhyNot(Signed(R"({"alg":["HS256"]})", claims)), HasSubstr("no \"alg\""));
  EXPECT_THAT(WhyNot(Signed(R"({"typ":"JWT"})", claims)), HasSubstr("no \"alg\""));
  // The public key's text must never serve as an HMAC secret.
  EXPECT_THAT(WhyNot(Verifier({Ecdsa()}), Signed(R"({"alg":"HS256"})", claims)), HasSubstr("no key has its algorithm"));
  EXPECT_THAT(WhyNot(Verifier({Ecdsa()}), Signed(R"({"alg":"ES256"})", claims)), HasSubstr("signature is wrong"));
  const std::string unsigned_token = Base64UrlEncode(R"({"alg":"none"})") + "." + Base64UrlEncode(claims) + ".";
  EXPECT_THAT(WhyNot(unsigned_token), HasSubstr("no key has its algorithm"));
}

TEST(JwtVerifier, ChoosesKeysByKid) {
  const json claims = {{"exp", kExp}};
  const auto accepts = [&](std::vector<JwtKey> keys, const JwtKey& signer) {
    return Verifier(std::move(keys)).Verify(SignJwt(signer, claims).value(), kNow).ok();
  };
  EXPECT_TRUE(accepts({OtherSecret("a"), Secret("b")}, Secret("b")));
  EXPECT_TRUE(accepts({OtherSecret("b"), Secret("b")}, Secret("b")));  // an id may stand for several keys
  EXPECT_TRUE(accepts({OtherSecret("a"), Secret()}, Secret("b")));     // a key without an id serves every kid
  EXPECT_TRUE(accepts({OtherSecret("a"), Secret("b")}, Secret()));     // a token without kid is tried with all
  EXPECT_FALSE(accepts({OtherSecret("b"), Secret("a")}, Secret("b")));
  EXPECT_THAT(WhyNot(Signed(R"({"alg":"HS256","kid":7})", R"({"exp":1700003600})")), HasSubstr("\"kid\""));
}

TEST(JwtVerifier, SaysWhichKeyVerified) {
  const JwtVerifier verifier = Verifier({OtherSecret(), Secret("a")});
  const auto claims = verifier.Verify(SignJwt(Secret("a"), {{"exp", kExp}}).value(), kNow);
  ASSERT_TRUE(claims.ok()) << claims.status();
  EXPECT_NE(claims->key, 0u);
  EXPECT_TRUE(verifier.HasKey(claims->key));
  EXPECT_FALSE(Verifier({OtherSecret()}).HasKey(claims->key));
  EXPECT_TRUE(verifier.SameRules(Verifier({OtherSecret()})));
  JwtVerifierOptions options;
  options.keys = {Secret()};
  options.issuers = {"joe"};
  EXPECT_FALSE(verifier.SameRules(JwtVerifier::Make(options).value()));
}

TEST(JwtVerifier, RefusesCriticalExtensions) {
  EXPECT_THAT(WhyNot(Signed(R"({"alg":"HS256","crit":["b64"],"b64":true})", R"({"exp":1700003600})")),
              HasSubstr("critical"));
  EXPECT_THAT(WhyNot(Signed(R"({"alg":"HS256","crit":[]})", R"({"exp":1700003600})")), HasSubstr("critical"));
}

TEST(JwtVerifier, RefusesJsonThatReadersUnderstandDifferently) {
  constexpr std::string_view kHeader = R"({"alg":"HS256"})";
  for (const std::string_view claims :
       {R"({"exp":1700003600,"exp":1700003600})", R"({"exp":1700003600,"a":{"b":1,"b":2}})",
        R"({"exp":1700003600,"a":[{"b":1,"b":2}]})", R"({"exp":1700003600,"\u0061":1,"a":2})", R"([1700003600])", "5",
        "null", "", "{", R"({"exp":1700003600}x)", R"({"exp":1700003600,})", R"({'exp':1700003600})",
        R"({"exp":1700003600 /* */})", R"({"exp":NaN})", "{\"exp\":1700003600,\"a\":\"\xff\"}"}) {
    EXPECT_THAT(WhyNot(Signed(kHeader, claims)), HasSubstr("claims")) << claims;
  }
  const std::string good = R"({"exp":1700003600})";
  for (const std::string& claims : {good + '\0', good + '\0' + R"({"sub":"root"})", "\xEF\xBB\xBF" + good}) {
    EXPECT_THAT(WhyNot(Signed(kHeader, claims)), HasSubstr("claims")) << claims;
  }
  EXPECT_THAT(WhyNot(Signed(std::string(kHeader) + '\0', good)), HasSubstr("header"));
  EXPECT_THAT(WhyNot(Signed(R"({"alg":"HS256","alg":"HS256"})", R"({"exp":1700003600})")), HasSubstr("header"));
  EXPECT_THAT(WhyNot(Signed(R"(["HS256"])", R"({"exp":1700003600})")), HasSubstr("header"));
  // The same name in different objects is none twice.
  const std::string fine = Signed(kHeader, R"({"exp":1700003600,"a":{"exp":{"exp":1}},"b":[{"exp":1},{"exp":1}]})");
  EXPECT_TRUE(Verifier({Secret()}).Verify(fine, kNow).ok());
}

TEST(JwtVerifier, BoundsNesting) {
  const auto nested = [](int levels) {
    return Signed(R"({"alg":"HS256"})",
                  fmt::format(R"({{"exp":{},"a":{}{}}})", kExp, std::string(static_cast<size_t>(levels - 1), '['),
                              std::string(static_cast<size_t>(levels - 1), ']')));
  };
  EXPECT_TRUE(Verifier({Secret()}).Verify(nested(kJwtDepthMax), kNow).ok());
  EXPECT_THAT(WhyNot(nested(kJwtDepthMax + 1)), HasSubstr("claims"));
  EXPECT_THAT(WhyNot(nested(2000)), HasSubstr("claims"));
}

TEST(JwtVerifier, BoundsTheNumberOfValues) {
  const auto many = [](size_t values) {  // the object, exp, the list, and what is in it
    return WithClaims({{"exp", kExp}, {"a", std::vector<int>(values - 3, 1)}});
  };
  EXPECT_TRUE(Verifier({Secret()}).Verify(many(kJwtValuesMax), kNow).ok());
  EXPECT_THAT(WhyNot(many(kJwtValuesMax + 1)), HasSubstr("claims"));
}

TEST(JwtVerifier, BoundsSize) {
  const auto sized = [](size_t pad) { return WithClaims({{"exp", kExp}, {"pad", std::string(pad, 'x')}}); };
  const std::string small = sized(6000);
  EXPECT_TRUE(Verifier({Secret()}).Verify(small, kNow).ok());
  EXPECT_THAT(WhyNot(small + std::string(kJwtBytesMax + 1 - small.size(), 'A')), HasSubstr("more than 8192 bytes"));
  EXPECT_EQ(SignJwt(Secret(), {{"pad", std::string(7000, 'x')}}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(JwtVerifier, ChecksTimesWithLeeway) {
  JwtVerifierOptions options;
  options.keys = {Secret()};
  options.leeway = absl::Seconds(10);
  const JwtVerifier verifier = JwtVerifier::Make(options).value();
  const std::string token = WithClaims({{"exp", 1000}, {"nbf", 500}, {"iat", 500}});
  const auto at = [&](double seconds) { return verifier.Verify(token, absl::UnixEpoch() + absl::Seconds(seconds)); };
  EXPECT_FALSE(at(489.9).ok());
  EXPECT_TRUE(at(490).ok());
  EXPECT_TRUE(at(1009.9).ok());
  EXPECT_EQ(at(1009.9)->expires, absl::FromUnixSeconds(1000));
  EXPECT_FALSE(at(1010).ok());
  EXPECT_TRUE(IsJwtExpired(at(1010).status()));
  EXPECT_EQ(at(1010).status().code(), absl::StatusCode::kUnauthenticated);
  EXPECT_FALSE(IsJwtExpired(at(489).status()));
  EXPECT_THAT(WhyNot(verifier, WithClaims({{"exp", kExp}, {"nbf", 1'700'000'011}})), HasSubstr("not valid yet"));
  EXPECT_THAT(WhyNot(verifier, WithClaims({{"exp", kExp}, {"iat", 1'700'000'011}})), HasSubstr("in the future"));
  EXPECT_TRUE(verifier.Verify(WithClaims({{"exp", 1'700'000'000.5}}), kNow).ok());
}

TEST(JwtVerifier, RefusesTokensThatLastLongerThanItIsTold) {
  JwtVerifierOptions options;
  options.keys = {Secret()};
  options.leeway = absl::Seconds(10);
  options.lifetime_max = absl::Hours(1);
  const JwtVerifier verifier = JwtVerifier::Make(options).value();
  const int64_t now = absl::ToUnixSeconds(kNow);
  EXPECT_TRUE(verifier.Verify(WithClaims({{"iat", now - 600}, {"exp", now + 3000}}), kNow).ok());
  EXPECT_THAT(WhyNot(verifier, WithClaims({{"iat", now - 600}, {"exp", now + 3001}})), HasSubstr("lasts longer"));
  EXPECT_TRUE(verifier.Verify(WithClaims({{"exp", now + 3610}}), kNow).ok());
  EXPECT_THAT(WhyNot(verifier, WithClaims({{"exp", now + 3611}})), HasSubstr("lasts longer"));
  options.lifetime_max = absl::Hours(2);
  EXPECT_FALSE(verifier.SameRules(JwtVerifier::Make(options).value()));
}

TEST(JwtVerifier, RequiresAnExpiryThatIsATime) {
  EXPECT_THAT(WhyNot(WithClaims({{"sub", "ann"}})), HasSubstr("no \"exp\""));
  for (const json& bad : {json("1700003600"), json(nullptr), json(true), json(-1), json(1e300), json::array({kExp})}) {
    EXPECT_THAT(WhyNot(WithClaims({{"exp", bad}})), HasSubstr("is no time")) << bad;
    EXPECT_THAT(WhyNot(WithClaims({{"exp", kExp}, {"nbf", bad}})), HasSubstr("is no time")) << bad;
  }
  EXPECT_THAT(WhyNot(Signed(R"({"alg":"HS256"})", R"({"exp":1e999})")), HasSubstr("claims"));
}

TEST(JwtVerifier, ChecksIssuerAudienceAndSubject) {
  JwtVerifierOptions options;
  options.keys = {Secret()};
  options.issuers = {"https://a", "https://b"};
  options.audiences = {"weir"};
  const JwtVerifier verifier = JwtVerifier::Make(options).value();
  json claims = {{"exp", kExp}, {"iss", "https://b"}, {"aud", "weir"}};
  EXPECT_TRUE(verifier.Verify(WithClaims(claims), kNow).ok());
  claims["aud"] = {"other", "weir"};
  EXPECT_TRUE(verifier.Verify(WithClaims(claims), kNow).ok());
  for (const json& bad : {json("other"), json::array(), json::array({5}), json(nullptr), json({{"weir", "weir"}})}) {
    claims["aud"] = bad;
    EXPECT_THAT(WhyNot(verifier, WithClaims(claims)), HasSubstr("\"aud\"")) << bad;
  }
  claims.erase("aud");
  EXPECT_THAT(WhyNot(verifier, WithClaims(claims)), HasSubstr("\"aud\""));
  for (const json& bad : {json("https://c"), json(nullptr), json::array({"https://a"})}) {
    claims["iss"] = bad;
    EXPECT_THAT(WhyNot(verifier, WithClaims(claims)), HasSubstr("\"iss\"")) << bad;
  }
  for (const char* name : {"sub", "jti", "iss"}) {
    EXPECT_THAT(WhyNot(WithClaims({{"exp", kExp}, {name, 5}})), HasSubstr(name));
  }
}

TEST(JwtVerifier, NeverRepeatsTheToken) {
  EXPECT_THAT(WhyNot(Signed(R"({"alg":"hunter2"})", R"({"exp":1})")), testing::Not(HasSubstr("hunter2")));
}

TEST(JwtVerifier, RefusesBadOptions) {
  JwtVerifierOptions options;
  EXPECT_EQ(JwtVerifier::Make(options).status().code(), absl::StatusCode::kInvalidArgument);
  options.keys.assign(JwtVerifierOptions::kKeysMax + 1, Secret());
  EXPECT_EQ(JwtVerifier::Make(options).status().code(), absl::StatusCode::kInvalidArgument);
  options.keys.resize(1, Secret());
  options.leeway = absl::Minutes(5);
  EXPECT_TRUE(JwtVerifier::Make(options).ok());
  for (const absl::Duration leeway : {absl::Seconds(-1), absl::Minutes(5) + absl::Nanoseconds(1)}) {
    options.leeway = leeway;
    EXPECT_EQ(JwtVerifier::Make(options).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(JwtVerifier, ServesManyThreads) {
  const JwtVerifier verifier = Verifier({Secret(), Ecdsa()});
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 50; ++round) {
        EXPECT_TRUE(verifier.Verify(kRfcHs256Token, kRfcNow).ok());
        EXPECT_TRUE(verifier.Verify(kRfcEs256Token, kRfcNow).ok());
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

TEST(SignJwt, RefusesWhatIsNoClaimsSet) {
  EXPECT_EQ(SignJwt(Secret(), json::array()).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(SignJwt(Secret(), {{"sub", "\xff"}}).status().code(), absl::StatusCode::kInvalidArgument);
  const JwtKey public_key = JwtKey::Parse("ES256", test::kRfcPublicPem, "public").value();
  EXPECT_EQ(SignJwt(public_key, {{"exp", kExp}}).status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace weir
