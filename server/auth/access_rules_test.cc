#include "server/auth/access_rules.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include "tests/support/naive_topics.h"
#include "tests/support/property.h"

namespace weir::server {
namespace {

using test::Random;

Scope Of(const std::vector<std::string>& topics, TextSet types = {}) {
  return {.topics = *FilterSet::Parse(topics), .types = std::move(types)};
}

log::Selection Asking(const std::vector<std::string>& filters, TextSet types = {}) {
  return {.filters = *FilterSet::Parse(filters), .types = std::move(types)};
}

bool MayRead(const AccessRules& rules, const std::vector<std::string>& names, const std::vector<std::string>& filters,
             TextSet types = {}) {
  return !rules.RightsOf(names).FirstDenied(Asking(filters, std::move(types))).has_value();
}

TEST(Rights, WithoutRulesAreEverything) {
  const Rights rights;
  EXPECT_TRUE(rights.everything());
  EXPECT_FALSE(rights.nothing());
  EXPECT_TRUE(rights.MayPublish("a.b", "T"));
  EXPECT_FALSE(rights.FirstDenied(Asking({">"})).has_value());
  EXPECT_TRUE(rights.MayBackUp());
}

TEST(Rights, ToRevokeAndToPublishRevocationsAreTwo) {
  const AccessRules rules({{.who = {"dns:operator"}, .revoke = true},
                           {.who = {"dns:service"}, .publish = Of({"weir.revocations"})},
                           {.who = {"dns:feed"}, .publish = Of({">"}), .backup = true}});
  const Rights operators = rules.RightsOf({"dns:operator"});
  EXPECT_TRUE(operators.MayRevoke());
  EXPECT_FALSE(operators.MayPublish("weir.revocations", "weir.v1.TokenRevocation"));
  EXPECT_FALSE(operators.MayBackUp());
  EXPECT_TRUE(rules.RightsOf({"dns:service"}).MayPublish("weir.revocations", "weir.v1.TokenRevocation"));
  EXPECT_FALSE(rules.RightsOf({"dns:service"}).MayRevoke());
  EXPECT_FALSE(rules.RightsOf({"dns:feed"}).MayRevoke());
  EXPECT_TRUE(Rights().MayRevoke()) << "where there are no rules";
}

TEST(Rights, AreNothingForWhomNoRuleNames) {
  const AccessRules rules(
      {{.who = {"dns:feed"}, .publish = Of({">"}), .subscribe = Of({">"}), .backup = true, .revoke = true}});
  for (const char* name : {"dns:feed2", "cn:feed", "sub:feed", "dns:FEED", "feed", ""}) {
    const Rights rights = rules.RightsOf({name});
    EXPECT_TRUE(rights.nothing()) << name;
    EXPECT_FALSE(rights.MayPublish("a", "T"));
    EXPECT_TRUE(rights.FirstDenied(Asking({"a"})).has_value());
    EXPECT_FALSE(rights.MayBackUp());
    EXPECT_FALSE(rights.MayRevoke());
  }
  EXPECT_TRUE(rules.RightsOf({"uri:x", "dns:feed"}).MayBackUp());
}

TEST(Rights, OfTheStarAreForWhoeverHasAName) {
  const AccessRules rules({{.who = {"*"}, .subscribe = Of({"news.>"})}});
  EXPECT_TRUE(MayRead(rules, {"sub:anybody"}, {"news.today"}));
  EXPECT_TRUE(rules.RightsOf({}).nothing());
}

TEST(Rights, OfAllRulesThatNameACallerHoldTogetherAndDenyWins) {
  const AccessRules rules({{.who = {"dns:a"}, .publish = Of({"one.*"}), .subscribe = Of({"one.*"})},
                           {.who = {"dns:b", "dns:a"}, .publish = Of({"two"}), .subscribe = Of({"one.*.>"})},
                           {.who = {"*"}, .deny_publish = Of({"one.secret"}), .deny_subscribe = Of({"*.secret.>"})}});
  const Rights rights = rules.RightsOf({"dns:a"});
  EXPECT_TRUE(rights.MayPublish("one.x", "T"));
  EXPECT_TRUE(rights.MayPublish("two", "T"));
  EXPECT_FALSE(rights.MayPublish("three", "T"));
  EXPECT_FALSE(rights.MayPublish("one.secret", "T"));
  EXPECT_FALSE(rules.RightsOf({"dns:b"}).MayPublish("one.x", "T"));

  EXPECT_TRUE(MayRead(rules, {"dns:a"}, {"one.x", "one.*", "one.x.y", "one.secret"}));
  EXPECT_FALSE(MayRead(rules, {"dns:a"}, {"one.>"})) << "allowed by both together, but some of it is denied";
  EXPECT_FALSE(MayRead(rules, {"dns:a"}, {"one.secret.x"}));
  EXPECT_FALSE(MayRead(rules, {"dns:a"}, {"one.*.x"}));
  EXPECT_EQ(rights.FirstDenied(Asking({"one.x", "two", "one.y"})), "two");
}

TEST(Rights, AreOfTypesToo) {
  const AccessRules rules({{.who = {"sub:x"}, .publish = Of({"a"}, {"T"}), .subscribe = Of({"a.>"}, {"T", "U"})},
                           {.who = {"sub:x"}, .subscribe = Of({"b"}), .deny_publish = Of({">"}, {"V"})},
                           {.who = {"sub:x"}, .publish = Of({">"}, {"V", "W"}), .deny_subscribe = Of({"b"}, {"V"})}});
  const Rights rights = rules.RightsOf({"sub:x"});
  EXPECT_TRUE(rights.MayPublish("a", "T"));
  EXPECT_FALSE(rights.MayPublish("a", "U"));
  EXPECT_TRUE(rights.MayPublish("a", "W"));
  EXPECT_FALSE(rights.MayPublish("a", "V"));
  const auto may_read = [&](const std::string& filter, TextSet types) {
    return MayRead(rules, {"sub:x"}, {filter}, std::move(types));
  };
  EXPECT_FALSE(may_read("a.b", {})) << "of every type";
  EXPECT_TRUE(may_read("a.b", {"T", "U"}));
  EXPECT_FALSE(may_read("a.b", {"T", "W"}));
  EXPECT_FALSE(may_read("b", {})) << "V is denied";
  EXPECT_TRUE(may_read("b", {"T"}));
  EXPECT_FALSE(may_read("b", {"T", "V"}));
}

// As many filters and types as a request may have, under many rules: it takes minutes to look at each pair of them
// anew.
TEST(Rights, OfTheLargestRequestAreFoundAtOnce) {
  constexpr int kMany = 1'024;
  TextSet types;
  std::vector<std::string> filters;
  for (int i = 0; i < kMany; ++i) {
    types.insert(fmt::format("acme.v1.Type{}", i));
    filters.push_back(fmt::format("tenants.t{}.>", i));
  }
  const AccessRules rules({{.who = {"sub:x"}, .subscribe = Of(filters, types)},
                           {.who = {"sub:x"}, .deny_subscribe = Of({"internal.*", "*.secret.>"})}});
  const std::clock_t begin = std::clock();
  EXPECT_TRUE(MayRead(rules, {"sub:x"}, filters, types));
  EXPECT_FALSE(MayRead(rules, {"sub:x"}, filters));
  filters.push_back("tenants.secret.>");
  EXPECT_EQ(rules.RightsOf({"sub:x"}).FirstDenied(Asking(filters, types)), "tenants.secret.>");
  EXPECT_LT(std::clock() - begin, 10 * CLOCKS_PER_SEC);
}

// Whatever a caller is let read, and may publish, is what a look at each topic and type by itself allows.
TEST(RightsProperty, LetThroughExactlyWhatEveryTopicAndTypeAllows) {
  const std::vector<std::string> tokens = {"a", "b", "z"};
  std::vector<std::string> topics = tokens;
  for (size_t i = 0; i < topics.size() && topics[i].size() < 7; ++i) {
    for (const std::string& token : tokens) {
      topics.push_back(topics[i] + "." + token);
    }
  }
  const std::vector<std::string> types = {"T", "U", "Other"};
  int let_through = 0;
  test::ForAll(800, [&](Random& random) {
    const auto any_filter = [&] {
      std::string filter = random.Text("ab*", 1);
      for (size_t more = random.Below(3); more > 0; --more) {
        filter += "." + random.Text("ab*", 1);
      }
      return random.OneIn(3) ? filter.substr(0, filter.rfind('.') + 1) + ">" : filter;
    };
    const auto any_types = [&] {
      return random.OneIn(2) ? TextSet() : random.OneIn(2) ? TextSet{"T"} : TextSet{"T", "U"};
    };
    const auto any_scope = [&](size_t one_in) -> std::optional<Scope> {
      if (!random.OneIn(one_in)) {
        return std::nullopt;
      }
      return Of(random.OneIn(2) ? std::vector{any_filter()} : std::vector{any_filter(), any_filter()}, any_types());
    };
    std::vector<AccessRule> list(1 + random.Below(3));
    for (AccessRule& rule : list) {
      rule = {.who = {random.OneIn(4) ? "sub:other" : "sub:me"},
              .publish = any_scope(1),
              .subscribe = any_scope(1),
              .deny_publish = any_scope(3),
              .deny_subscribe = any_scope(4)};
    }
    // The same, naively.
    const auto allowed = [&](std::optional<Scope> AccessRule::*allow, std::optional<Scope> AccessRule::*deny,
                             const std::string& topic, const std::string& type) {
      const auto in = [&](const std::optional<Scope>& scope) {
        return scope.has_value() && (scope->types.empty() || scope->types.contains(type)) &&
               std::any_of(scope->topics.filters().begin(), scope->topics.filters().end(),
                           [&](const std::string& filter) { return test::NaiveMatches(filter, topic); });
      };
      bool any = false;
      for (const AccessRule& rule : list) {
        if (rule.who[0] == "sub:me") {
          if (in(rule.*deny)) {
            return false;
          }
          any = any || in(rule.*allow);
        }
      }
      return any;
    };
    const AccessRules rules(list);
    const Rights rights = rules.RightsOf({"sub:me"});
    const std::string topic = random.Pick(topics);
    const std::string& type = random.Pick(types);
    ASSERT_EQ(rights.MayPublish(topic, type), allowed(&AccessRule::publish, &AccessRule::deny_publish, topic, type));

    const std::string filter = random.OneIn(4) ? topic : any_filter();
    const TextSet asked = any_types();
    bool every = true;
    for (const std::string& each : topics) {
      for (const std::string& of : types) {
        if (test::NaiveMatches(filter, each) && (asked.empty() || asked.contains(of))) {
          every = every && allowed(&AccessRule::subscribe, &AccessRule::deny_subscribe, each, of);
        }
      }
    }
    ASSERT_EQ(!rights.FirstDenied(Asking({filter}, asked)).has_value(), every) << filter;
    let_through += every ? 1 : 0;
  });
  EXPECT_GT(let_through, 80);
}

}  // namespace
}  // namespace weir::server
