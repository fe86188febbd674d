#include "base/verified_tokens.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/jwt.h"
#include "base/jwt_test_keys.h"

namespace weir {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

JwtKey Es256(std::string id = "") {
  return JwtKey::Parse("ES256", test::kRfcPrivatePem, "private", std::move(id)).value();
}

JwtKey Rsa() { return JwtKey::Parse("RS256", test::kRsaPrivatePem, "private").value(); }

JwtVerifier Verifier(std::vector<JwtKey> keys, std::shared_ptr<VerifiedTokens> verified) {
  JwtVerifierOptions options;
  options.keys = std::move(keys);
  options.verified = std::move(verified);
  return JwtVerifier::Make(std::move(options)).value();
}

std::string Token(const JwtKey& key, const std::string& subject = "ann") {
  return SignJwt(key, {{"sub", subject}, {"exp", absl::ToUnixSeconds(kNow) + 3600}}).value();
}

TEST(VerifiedTokensTest, AGoodTokenIsRememberedAndABadOneIsNot) {
  const auto verified = std::make_shared<VerifiedTokens>();
  const JwtVerifier verifier = Verifier({Es256()}, verified);
  const std::string good = Token(Es256());
  std::string bad = Token(Es256(), "bob");
  bad[bad.size() - 10] = bad[bad.size() - 10] == 'A' ? 'B' : 'A';
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(verifier.Verify(good, kNow)->subject, "ann");
    EXPECT_TRUE(verified->Holds(VerifiedTokens::DigestOf(Es256(), good)));
    EXPECT_FALSE(verifier.Verify(bad, kNow).ok());
    EXPECT_FALSE(verified->Holds(VerifiedTokens::DigestOf(Es256(), bad)));
  }
}

// Whatever is not the signature is judged anew: also of a token that is held, here one that no key has signed.
TEST(VerifiedTokensTest, OnlyTheSignatureIsTakenOnTrust) {
  const auto verified = std::make_shared<VerifiedTokens>();
  const JwtVerifier verifier = Verifier({Es256()}, verified);
  std::string forged = Token(Es256());
  forged[forged.size() - 10] = forged[forged.size() - 10] == 'A' ? 'B' : 'A';
  EXPECT_FALSE(verifier.Verify(forged, kNow).ok());
  verified->Add(VerifiedTokens::DigestOf(Es256(), forged));
  EXPECT_TRUE(verifier.Verify(forged, kNow).ok()) << "it is asked";
  EXPECT_TRUE(IsJwtExpired(verifier.Verify(forged, kNow + absl::Hours(2)).status()));
  EXPECT_FALSE(verifier.Verify(forged + "A", kNow).ok()) << "another text is another token";
}

TEST(VerifiedTokensTest, AKeyThatIsGoneVouchesForNothing) {
  const auto verified = std::make_shared<VerifiedTokens>();
  const std::string token = Token(Es256());
  EXPECT_TRUE(Verifier({Es256()}, verified).Verify(token, kNow).ok());
  EXPECT_FALSE(Verifier({Rsa()}, verified).Verify(token, kNow).ok());
  const JwtKey other = JwtKey::Parse("ES256", test::kOtherEcPublicPem, "other").value();
  EXPECT_FALSE(Verifier({other}, verified).Verify(token, kNow).ok());
  EXPECT_TRUE(Verifier({other, Es256()}, verified).Verify(token, kNow).ok());
}

TEST(VerifiedTokensTest, ATokenCountsForItsIssuersKeysAlone) {
  const auto verified = std::make_shared<VerifiedTokens>();
  const std::string token = SignJwt(Es256(), {{"iss", "https://a"}, {"exp", absl::ToUnixSeconds(kNow) + 3600}}).value();
  EXPECT_TRUE(Verifier({Es256()}, verified).Verify(token, kNow).ok());
  JwtVerifierOptions options;
  options.keys = {Es256()};
  const JwtKey other = JwtKey::Parse("ES256", test::kOtherEcPublicPem, "other").value();
  options.providers = {{.issuer = "https://a", .audiences = {}, .keys = {other}}};
  options.verified = verified;
  EXPECT_FALSE(JwtVerifier::Make(options)->Verify(token, kNow).ok());
}

TEST(VerifiedTokensTest, AnotherVerifierGoesOnWithWhatIsKnown) {
  const auto verified = std::make_shared<VerifiedTokens>();
  const JwtVerifier next = Verifier({Es256()}, std::make_shared<VerifiedTokens>()).Remembering(verified);
  const std::string token = Token(Es256());
  EXPECT_TRUE(next.Verify(token, kNow).ok());
  EXPECT_TRUE(verified->Holds(VerifiedTokens::DigestOf(Es256(), token)));
}

TEST(VerifiedTokensTest, ForgetsTheLeastRecentlyShown) {
  VerifiedTokens verified(4);
  const auto pair = [](unsigned char c) { return VerifiedTokens::Digest{c}; };
  verified.Add(pair(0));
  for (unsigned char c = 1; c < 10; ++c) {
    verified.Add(pair(c));
    EXPECT_TRUE(verified.Holds(pair(0))) << "it is shown again and again";
  }
  EXPECT_TRUE(verified.Holds(pair(9)));
  EXPECT_FALSE(verified.Holds(pair(1)));
}

}  // namespace
}  // namespace weir
