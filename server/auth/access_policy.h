// Who may call, and what they may do: as the configuration says it, all of it at once. Immutable; any thread.
#ifndef WEIR_SERVER_AUTH_ACCESS_POLICY_H_
#define WEIR_SERVER_AUTH_ACCESS_POLICY_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/jwt.h"
#include "base/revocations.h"
#include "server/auth/access_rules.h"
#include "server/rpc/error.h"

namespace weir::server {

struct AccessPolicy {
  // Checks tokens. Null: tokens are not looked at.
  std::shared_ptr<const JwtVerifier> verifier;
  absl::Duration leeway = absl::ZeroDuration();  // the verifier's
  // How many revocations of tokens are held.
  size_t revocations_max = Revocations::kEntriesMaxDefault;
  // Null: whoever may call may do everything.
  std::shared_ptr<const AccessRules> rules;
  // The configuration that it was made from: equal ones are the same policy, but for the keys.
  std::string source;

  // Whoever reaches the server may do everything.
  bool open() const { return verifier == nullptr && rules == nullptr; }
  bool SameAs(const AccessPolicy& other) const;
};

// What a call shows of its caller.
struct Credentials {
  // Names from the certificate, as AccessRules has them. Empty: there is none.
  std::vector<std::string> certificate = {};
  // The values of the metadata `authorization`.
  std::vector<std::string> authorization = {};
};

// Who calls, and what they may do. Keeps the policy that it was judged by.
struct Caller {
  std::shared_ptr<const AccessPolicy> policy = nullptr;
  Rights rights = {};
  // By what the token is found when it is revoked. All zero: none was shown, or it did not count.
  TokenMarks token = {};
  // When the token is over, leeway included.
  absl::Time expires = absl::InfiniteFuture();
};

// A token counts if there is one, and the certificate counts otherwise. Whether it is revoked is not looked at here.
// Faults: CREDENTIALS_MISSING, _INVALID, _EXPIRED; SUBSCRIBE_DENIED for a caller whom no rule names.
FaultOr<Caller> Admit(std::shared_ptr<const AccessPolicy> policy, const Credentials& credentials, absl::Time now);

}  // namespace weir::server

#endif  // WEIR_SERVER_AUTH_ACCESS_POLICY_H_
