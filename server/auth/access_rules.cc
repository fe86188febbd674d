#include "server/auth/access_rules.h"

#include <algorithm>
#include <utility>

#include "base/filter_relations.h"

namespace weir::server {
namespace {

constexpr std::string_view kEverybody = "*";

bool Allows(const std::optional<Scope>& scope, std::string_view topic, std::string_view type) {
  return scope.has_value() && scope->HasType(type) && scope->topics.Matches(topic);
}

// Whether one of these types (none: any type) is within the scope.
bool Concerns(const Scope& scope, const TextSet& types) {
  return scope.types.empty() || types.empty() ||
         std::any_of(types.begin(), types.end(), [&](const std::string& type) { return scope.types.contains(type); });
}

}  // namespace

bool Rights::MayPublish(std::string_view topic, std::string_view type) const {
  if (everything_) {
    return true;
  }
  bool allowed = false;
  for (const AccessRule* rule : rules_) {
    if (Allows(rule->deny_publish, topic, type)) {
      return false;
    }
    allowed = allowed || Allows(rule->publish, topic, type);
  }
  return allowed;
}

std::optional<std::string> Rights::FirstDenied(const log::Selection& selection) const {
  if (everything_) {
    return std::nullopt;
  }
  std::vector<const FilterSet*> denied;
  for (const AccessRule* rule : rules_) {
    if (rule->deny_subscribe.has_value() && Concerns(*rule->deny_subscribe, selection.types)) {
      denied.push_back(&rule->deny_subscribe->topics);
    }
  }
  const std::set<std::vector<const FilterSet*>> allowed = AllowedTopics(selection.types);
  for (const std::string& filter : selection.filters.filters()) {
    if (std::any_of(denied.begin(), denied.end(), [&](const FilterSet* set) { return Overlaps(*set, filter); }) ||
        !std::all_of(allowed.begin(), allowed.end(), [&](const auto& sets) { return Cover(sets, filter); })) {
      return filter;
    }
  }
  return std::nullopt;
}

std::set<std::vector<const FilterSet*>> Rights::AllowedTopics(const TextSet& types) const {
  const auto of = [this](const std::string* type) {
    std::vector<const FilterSet*> topics;
    for (const AccessRule* rule : rules_) {
      const std::optional<Scope>& scope = rule->subscribe;
      if (scope.has_value() && (scope->types.empty() || (type != nullptr && scope->types.contains(*type)))) {
        topics.push_back(&scope->topics);
      }
    }
    return topics;
  };
  std::set<std::vector<const FilterSet*>> allowed;
  for (const std::string& type : types) {
    allowed.insert(of(&type));
  }
  if (types.empty()) {
    allowed.insert(of(nullptr));
  }
  return allowed;
}

bool Rights::MayBackUp() const { return May(&AccessRule::backup); }
bool Rights::MayRevoke() const { return May(&AccessRule::revoke); }

bool Rights::May(bool AccessRule::*what) const {
  return everything_ ||
         std::any_of(rules_.begin(), rules_.end(), [what](const AccessRule* rule) { return rule->*what; });
}

AccessRules::AccessRules(std::vector<AccessRule> rules) : rules_(std::move(rules)) {
  for (const AccessRule& rule : rules_) {
    for (const std::string& name : rule.who) {
      by_name_[name].push_back(&rule);
    }
  }
}

std::set<std::string> AccessRules::Types() const {
  std::set<std::string> types;
  for (const AccessRule& rule : rules_) {
    for (const std::optional<Scope>* scope :
         {&rule.publish, &rule.subscribe, &rule.deny_publish, &rule.deny_subscribe}) {
      if (scope->has_value()) {
        types.insert((*scope)->types.begin(), (*scope)->types.end());
      }
    }
  }
  return types;
}

Rights AccessRules::RightsOf(const std::vector<std::string>& names) const {
  std::vector<const AccessRule*> rules;
  const auto add = [&](std::string_view name) {
    if (const auto found = by_name_.find(name); found != by_name_.end()) {
      rules.insert(rules.end(), found->second.begin(), found->second.end());
    }
  };
  if (!names.empty()) {
    add(kEverybody);
  }
  for (const std::string& name : names) {
    if (name != kEverybody) {
      add(name);
    }
  }
  return Rights(std::move(rules));
}

}  // namespace weir::server
