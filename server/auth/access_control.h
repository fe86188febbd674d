// Judges each call by who calls. The policy can be replaced while the server runs: calls that begin later are judged by
// the new one, and who replaces it ends the open streams, which come back.
//
// Any thread. A replaced policy stays until this is destroyed, so that callers need no reference to it. That is
// bounded: at most kPoliciesMax different ones, then only a restart helps.
#ifndef WEIR_SERVER_AUTH_ACCESS_CONTROL_H_
#define WEIR_SERVER_AUTH_ACCESS_CONTROL_H_

#include <grpcpp/alarm.h>
#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "server/auth/access_policy.h"
#include "server/rpc/error.h"

namespace weir::server {

class AccessControl {
 public:
  static constexpr size_t kPoliciesMax = 100;

  // Null: whoever reaches the server may do everything. `on_refused` may be empty; any thread.
  AccessControl(std::shared_ptr<const AccessPolicy> policy, std::function<void(v1::ErrorReason)> on_refused);

  // Faults of server::Admit.
  FaultOr<Caller> Admit(const grpc::CallbackServerContext& call) const;
  // PERMISSION_DENIED to be counted, which parts of a call found.
  void CountRefused(v1::ErrorReason reason) const {
    if (on_refused_) {
      on_refused_(reason);
    }
  }

  // Whether the caller was judged by the policy that holds now.
  bool InForce(const Caller& caller) const { return caller.policy == current_.load(std::memory_order_acquire); }

  // True when this is another policy. RESOURCE_EXHAUSTED: too many different ones.
  absl::StatusOr<bool> Replace(std::shared_ptr<const AccessPolicy> policy);

 private:
  const std::function<void(v1::ErrorReason)> on_refused_;
  std::atomic<const AccessPolicy*> current_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<const AccessPolicy>> policies_ ABSL_GUARDED_BY(mutex_);
};

// Calls back when a caller's token is over. One thread; the callback comes on one of gRPC's, and not after this is
// destroyed, unless it is under way.
class ExpiryAlarm {
 public:
  // `on_expiry` holds no strong reference to what holds this.
  void Set(const Caller& caller, std::function<void()> on_expiry);

 private:
  std::unique_ptr<grpc::Alarm> alarm_;  // of a token that is over some time
};

}  // namespace weir::server

#endif  // WEIR_SERVER_AUTH_ACCESS_CONTROL_H_
