#include "server/auth/access_policy.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "absl/strings/match.h"
#include "base/text.h"

namespace weir::server {
namespace {

constexpr std::string_view kBearer = "bearer ";

Fault Refusal(v1::ErrorReason reason, std::string message) { return {.reason = reason, .message = std::move(message)}; }

// Fills in `caller.token` and `caller.expires`, and gives the caller's name.
FaultOr<std::string> CheckToken(const AccessPolicy& policy, const std::vector<std::string>& authorization,
                                absl::Time now, Caller& caller) {
  const std::string& header = authorization.front();
  if (authorization.size() != 1 ||
      !absl::StartsWithIgnoreCase(header, absl::string_view(kBearer.data(), kBearer.size()))) {
    return Refusal(v1::ERROR_REASON_CREDENTIALS_INVALID,
                   "the metadata `authorization` is not one token; allowed is `Bearer TOKEN`, once");
  }
  const absl::StatusOr<JwtClaims> claims =
      policy.verifier->Verify(std::string_view(header).substr(kBearer.size()), now);
  if (!claims.ok()) {
    return Refusal(
        IsJwtExpired(claims.status()) ? v1::ERROR_REASON_CREDENTIALS_EXPIRED : v1::ERROR_REASON_CREDENTIALS_INVALID,
        std::string(Message(claims.status())));
  }
  if (claims->subject.empty()) {
    return Refusal(v1::ERROR_REASON_CREDENTIALS_INVALID, "the token has no `sub`, which says who calls");
  }
  caller.token = MarksOf(*claims);
  caller.expires = claims->expires + policy.leeway;
  return "sub:" + claims->subject;
}

}  // namespace

bool AccessPolicy::SameAs(const AccessPolicy& other) const {
  if (source != other.source || (verifier == nullptr) != (other.verifier == nullptr)) {
    return false;
  }
  return verifier == nullptr || (verifier->SameKeys(*other.verifier) && verifier->SameRules(*other.verifier));
}

FaultOr<Caller> Admit(std::shared_ptr<const AccessPolicy> judge, const Credentials& credentials, absl::Time now) {
  Caller caller{.policy = std::move(judge)};
  const AccessPolicy& policy = *caller.policy;
  if (policy.open()) {
    return caller;
  }
  std::vector<std::string> names = credentials.certificate;
  if (policy.verifier != nullptr && !credentials.authorization.empty()) {
    FaultOr<std::string> name = CheckToken(policy, credentials.authorization, now, caller);
    if (!name.ok()) {
      return name.fault();
    }
    names = {*std::move(name)};
  }
  if (names.empty()) {
    return Refusal(
        v1::ERROR_REASON_CREDENTIALS_MISSING,
        policy.verifier != nullptr
            ? "nothing says who calls; needed is the metadata `authorization: Bearer TOKEN`, or a certificate"
            : "nothing says who calls; needed is a certificate");
  }
  if (policy.rules != nullptr) {
    caller.rights = policy.rules->RightsOf(names);
    if (caller.rights.nothing()) {
      return Fault{.reason = v1::ERROR_REASON_SUBSCRIBE_DENIED,
                   .message = fmt::format("no rule of access names {}", Quotable(names.front())),
                   .field = "caller",
                   .value = names.front()};
    }
  }
  return caller;
}

}  // namespace weir::server
