// Judges each call by who calls. The policy can be replaced while the server runs: calls that begin later are judged by
// the new one, and who replaces it ends the open streams, which come back. A token that is revoked counts no more.
//
// Any thread. A replaced policy lives as long as a caller who was judged by it.
#ifndef WEIR_SERVER_AUTH_ACCESS_CONTROL_H_
#define WEIR_SERVER_AUTH_ACCESS_CONTROL_H_

#include <grpcpp/support/server_callback.h>

#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "server/auth/access_policy.h"
#include "server/rpc/error.h"

namespace weir::server {

class AccessControl {
 public:
  // Null: whoever reaches the server may do everything. `on_refused` may be empty; any thread. The revocations must
  // outlive it; null: no token is revoked.
  AccessControl(std::shared_ptr<const AccessPolicy> policy, std::function<void(v1::ErrorReason)> on_refused,
                const Revocations* revocations = nullptr);

  // Faults of server::Admit; CREDENTIALS_REVOKED, REVOCATIONS_UNKNOWN.
  FaultOr<Caller> Admit(const grpc::CallbackServerContext& call) const;
  // PERMISSION_DENIED to be counted, which parts of a call found.
  void CountRefused(v1::ErrorReason reason) const {
    if (on_refused_) {
      on_refused_(reason);
    }
  }

  // The policy that holds now.
  std::shared_ptr<const AccessPolicy> policy() const {
    const std::lock_guard lock(mutex_);
    return policy_;
  }
  // Why a stream of this caller ends, or none: for those that were not in the list of streams yet when that was said to
  // all of them.
  std::optional<StreamEnd> EndOf(const Caller& caller) const;

  // True when this is another policy.
  bool Replace(std::shared_ptr<const AccessPolicy> next);

 private:
  std::optional<Fault> JudgeRevoked(const Caller& caller) const;

  const std::function<void(v1::ErrorReason)> on_refused_;
  const Revocations* const revocations_;
  mutable std::mutex mutex_;
  std::shared_ptr<const AccessPolicy> policy_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace weir::server

#endif  // WEIR_SERVER_AUTH_ACCESS_CONTROL_H_
