#include "server/auth/access_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

namespace weir::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kSecret[] = "a secret of at least thirty-two bytes";

JwtKey Key(std::string_view secret = kSecret) { return *JwtKey::Parse("HS256", secret, "key"); }

class AccessPolicyTest : public ::testing::Test {
 protected:
  AccessPolicyTest() {
    JwtVerifierOptions options;
    options.keys = {Key()};
    policy_.verifier = std::make_shared<const JwtVerifier>(*JwtVerifier::Make(std::move(options)));
    policy_.leeway = absl::Seconds(30);
    std::vector<AccessRule> rules(2);
    rules[0].who = {"sub:ann"};
    rules[0].backup = true;
    rules[1].who = {"dns:edge", "cn:old"};
    policy_.rules = std::make_shared<const AccessRules>(std::move(rules));
  }

  std::string Token(nlohmann::json claims, std::string_view secret = kSecret) const {
    claims.emplace("exp", absl::ToUnixSeconds(now_) + 60);
    return "Bearer " + *SignJwt(Key(secret), claims);
  }
  FaultOr<Caller> Judge(const Credentials& credentials) const {
    return Admit(std::make_shared<const AccessPolicy>(policy_), credentials, now_);
  }
  v1::ErrorReason Reason(const Credentials& credentials) const {
    const FaultOr<Caller> caller = Judge(credentials);
    return caller.ok() ? v1::ERROR_REASON_UNSPECIFIED : caller.fault().reason;
  }

  const absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
  AccessPolicy policy_;
};

TEST_F(AccessPolicyTest, AnOpenPolicyAsksForNothing) {
  policy_ = AccessPolicy();
  const FaultOr<Caller> caller = Judge({.authorization = {"nonsense"}});
  ASSERT_TRUE(caller.ok());
  EXPECT_TRUE(caller->rights.everything());
  EXPECT_EQ(caller->expires, absl::InfiniteFuture());
}

TEST_F(AccessPolicyTest, ATokenNamesItsSubjectUntilItIsOver) {
  const FaultOr<Caller> caller = Judge({.authorization = {Token({{"sub", "ann"}})}});
  ASSERT_TRUE(caller.ok()) << caller.fault().message;
  EXPECT_TRUE(caller->rights.MayBackUp());
  EXPECT_EQ(caller->expires, now_ + absl::Seconds(90));
  EXPECT_TRUE(caller->policy->SameAs(policy_));
}

TEST_F(AccessPolicyTest, ACertificateNamesByItsNames) {
  const FaultOr<Caller> caller = Judge({.certificate = {"dns:other", "dns:edge"}});
  ASSERT_TRUE(caller.ok());
  EXPECT_FALSE(caller->rights.MayBackUp());
  EXPECT_EQ(caller->expires, absl::InfiniteFuture());
  EXPECT_EQ(Reason({.certificate = {"dns:other"}}), v1::ERROR_REASON_SUBSCRIBE_DENIED);
}

TEST_F(AccessPolicyTest, ATokenCountsInsteadOfTheCertificate) {
  EXPECT_TRUE(Judge({.certificate = {"dns:edge"}, .authorization = {Token({{"sub", "ann"}})}})->rights.MayBackUp());
  EXPECT_EQ(Reason({.certificate = {"dns:edge"}, .authorization = {Token({{"sub", "stranger"}})}}),
            v1::ERROR_REASON_SUBSCRIBE_DENIED);
  EXPECT_EQ(Reason({.certificate = {"dns:edge"}, .authorization = {"Bearer x"}}), v1::ERROR_REASON_CREDENTIALS_INVALID);
}

TEST_F(AccessPolicyTest, WithoutAVerifierTokensAreNotLookedAt) {
  policy_.verifier = nullptr;
  EXPECT_EQ(Reason({.authorization = {Token({{"sub", "ann"}})}}), v1::ERROR_REASON_CREDENTIALS_MISSING);
  EXPECT_TRUE(Judge({.certificate = {"dns:edge"}, .authorization = {"Bearer x"}}).ok());
}

TEST_F(AccessPolicyTest, WithoutRulesWhoeverProvesANameMayDoEverything) {
  policy_.rules = nullptr;
  EXPECT_TRUE(Judge({.authorization = {Token({{"sub", "stranger"}})}})->rights.everything());
  EXPECT_EQ(Reason({}), v1::ERROR_REASON_CREDENTIALS_MISSING);
}

TEST_F(AccessPolicyTest, BadTokensAreRefusedWithTheReason) {
  EXPECT_EQ(Reason({}), v1::ERROR_REASON_CREDENTIALS_MISSING);
  EXPECT_EQ(Reason({.authorization = {Token({{"sub", "ann"}, {"exp", absl::ToUnixSeconds(now_) - 31}})}}),
            v1::ERROR_REASON_CREDENTIALS_EXPIRED);
  const std::string good = Token({{"sub", "ann"}});
  EXPECT_EQ(Reason({.authorization = {Token({{"sub", "ann"}}, "another secret of at least thirty-two bytes")}}),
            v1::ERROR_REASON_CREDENTIALS_INVALID);
  EXPECT_EQ(Reason({.authorization = {Token({{"role", "ann"}})}}), v1::ERROR_REASON_CREDENTIALS_INVALID) << "no sub";
  EXPECT_EQ(Reason({.authorization = {good, good}}), v1::ERROR_REASON_CREDENTIALS_INVALID) << "twice";
  EXPECT_EQ(Reason({.authorization = {"Basic " + good.substr(7)}}), v1::ERROR_REASON_CREDENTIALS_INVALID);
  EXPECT_EQ(Reason({.authorization = {good.substr(7)}}), v1::ERROR_REASON_CREDENTIALS_INVALID);
  EXPECT_EQ(Reason({.authorization = {""}}), v1::ERROR_REASON_CREDENTIALS_INVALID);
  EXPECT_TRUE(Judge({.authorization = {"bearer " + good.substr(7)}}).ok());
  EXPECT_THAT(Judge({.authorization = {good + "x"}}).fault().message, Not(HasSubstr(good.substr(20, 20))));
}

TEST_F(AccessPolicyTest, IsTheSameWithTheSameSourceAndKeys) {
  AccessPolicy other = policy_;
  EXPECT_TRUE(policy_.SameAs(other));
  other.source = "another";
  EXPECT_FALSE(policy_.SameAs(other));
  other = policy_;
  JwtVerifierOptions options;
  options.keys = {Key("another secret of at least thirty-two bytes")};
  other.verifier = std::make_shared<const JwtVerifier>(*JwtVerifier::Make(std::move(options)));
  EXPECT_FALSE(policy_.SameAs(other));
  other.verifier = nullptr;
  EXPECT_FALSE(policy_.SameAs(other));
}

}  // namespace
}  // namespace weir::server
