#include "server/auth/access_control.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace weir::server {
namespace {

std::shared_ptr<const AccessPolicy> PolicyOf(std::string source) {
  auto policy = std::make_shared<AccessPolicy>();
  std::vector<AccessRule> rules(1);
  rules[0].who = {"dns:feed"};
  rules[0].backup = true;
  policy->rules = std::make_shared<const AccessRules>(std::move(rules));
  policy->source = std::move(source);
  return policy;
}

TEST(AccessControl, TakesAsManyPoliciesAsComeAndKeepsOnlyWhatCallersHave) {
  AccessControl access(PolicyOf("0"), nullptr);
  const FaultOr<Caller> caller = Admit(access.policy(), {.certificate = {"dns:feed"}}, absl::UnixEpoch());
  ASSERT_TRUE(caller.ok());
  EXPECT_EQ(access.EndOf(*caller), std::nullopt);
  for (int i = 1; i < 1'000; ++i) {
    const std::weak_ptr<const AccessPolicy> before = access.policy();
    ASSERT_TRUE(access.Replace(PolicyOf(std::to_string(i))));
    ASSERT_EQ(before.expired(), i > 1) << "the first one has a caller";
  }
  EXPECT_EQ(access.EndOf(*caller), StreamEnd::kAccessChanged);
  EXPECT_TRUE(caller->rights.MayBackUp()) << "of the policy that it was judged by";
}

TEST(AccessControl, TheSamePolicyIsNoOther) {
  AccessControl access(PolicyOf("a"), nullptr);
  const std::shared_ptr<const AccessPolicy> first = access.policy();
  EXPECT_FALSE(access.Replace(PolicyOf("a")));
  EXPECT_EQ(access.policy(), first);
  EXPECT_TRUE(access.Replace(nullptr));
  EXPECT_TRUE(access.policy()->open());
  EXPECT_FALSE(access.Replace(nullptr));
}

}  // namespace
}  // namespace weir::server
