// Who may publish and read what.
//
// A rule names callers, and what they may do, or may not. All rules that name a caller hold together, and what one
// denies no other gives back. What no rule gives is not allowed.
//
// Callers have names with a kind: `dns:feed.weir.internal`, `uri:spiffe://prod/feed` or `cn:feed` from a certificate,
// `sub:feed` from a token; `*` stands for every caller who has one. Immutable and pure; any thread.
#ifndef WEIR_SERVER_AUTH_ACCESS_RULES_H_
#define WEIR_SERVER_AUTH_ACCESS_RULES_H_

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/filter.h"
#include "base/text.h"
#include "log/log_engine.h"

namespace weir::server {

// Events of these types (none: of all types) on these topics.
struct Scope {
  FilterSet topics;
  TextSet types = {};

  bool HasType(std::string_view type) const { return types.empty() || types.contains(type); }
};

struct AccessRule {
  std::vector<std::string> who;
  std::optional<Scope> publish = {};
  std::optional<Scope> subscribe = {};
  std::optional<Scope> deny_publish = {};
  std::optional<Scope> deny_subscribe = {};
  bool backup = false;
  bool revoke = false;
};

// What one caller may do.
class Rights {
 public:
  // Everything: where there are no rules.
  Rights() = default;
  // The rules must outlive it.
  explicit Rights(std::vector<const AccessRule*> rules) : everything_(false), rules_(std::move(rules)) {}

  bool everything() const { return everything_; }
  // No rule names the caller.
  bool nothing() const { return !everything_ && rules_.empty(); }

  bool MayPublish(std::string_view topic, std::string_view type) const;
  // The first filter of the selection that may not be read: it, with the selection's types, is not within what is
  // allowed, or some of it is denied. Costs at most a comparison of each filter with each topic of the caller's rules,
  // for each group of types that the same rules allow.
  std::optional<std::string> FirstDenied(const log::Selection& selection) const;
  bool MayBackUp() const;
  // By RevokeTokens. To publish a revocation is MayPublish.
  bool MayRevoke() const;

 private:
  // The topics of the rules that allow each of the types (none: all types). Types that the same rules allow are one: so
  // it depends on the rules how many there are, and not on the types.
  std::set<std::vector<const FilterSet*>> AllowedTopics(const TextSet& types) const;
  // Whether a rule gives it.
  bool May(bool AccessRule::*what) const;

  bool everything_ = true;
  std::vector<const AccessRule*> rules_;
};

class AccessRules {
 public:
  explicit AccessRules(std::vector<AccessRule> rules);
  AccessRules(const AccessRules&) = delete;
  AccessRules& operator=(const AccessRules&) = delete;

  // Of a caller with these names.
  Rights RightsOf(const std::vector<std::string>& names) const;

  // All types that the rules name, in order.
  std::set<std::string> Types() const;

 private:
  const std::vector<AccessRule> rules_;
  TextMap<std::vector<const AccessRule*>> by_name_;
};

}  // namespace weir::server

#endif  // WEIR_SERVER_AUTH_ACCESS_RULES_H_
