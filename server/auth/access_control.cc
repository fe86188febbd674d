#include "server/auth/access_control.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/auth_context.h>
#include <grpcpp/server_context.h>

#include <string>
#include <utility>

#include "absl/time/clock.h"

namespace weir::server {
namespace {

std::shared_ptr<const AccessPolicy> OrOpen(std::shared_ptr<const AccessPolicy> policy) {
  return policy != nullptr ? std::move(policy) : std::make_shared<const AccessPolicy>();
}

void AddNames(const grpc::AuthContext& peer, const char* property, const std::string& kind,
              std::vector<std::string>& names) {
  for (const grpc::string_ref& value : peer.FindPropertyValues(property)) {
    names.push_back(kind + std::string(value.data(), value.size()));
  }
}

// The alternative names of the certificate that TLS has verified; its common name counts only where there are none.
std::vector<std::string> NamesOf(const grpc::AuthContext& peer) {
  std::vector<std::string> names;
  if (!peer.IsPeerAuthenticated()) {
    return names;
  }
  AddNames(peer, GRPC_PEER_DNS_PROPERTY_NAME, "dns:", names);
  AddNames(peer, GRPC_PEER_URI_PROPERTY_NAME, "uri:", names);
  if (names.empty()) {
    AddNames(peer, GRPC_X509_CN_PROPERTY_NAME, "cn:", names);
  }
  return names;
}

}  // namespace

AccessControl::AccessControl(std::shared_ptr<const AccessPolicy> policy,
                             std::function<void(v1::ErrorReason)> on_refused)
    : on_refused_(std::move(on_refused)) {
  policies_.push_back(OrOpen(std::move(policy)));
  current_ = policies_.back().get();
}

FaultOr<Caller> AccessControl::Admit(const grpc::CallbackServerContext& call) const {
  const AccessPolicy& policy = *current_.load(std::memory_order_acquire);
  if (policy.open()) {
    return Caller{.policy = &policy};
  }
  Credentials credentials;
  credentials.certificate = NamesOf(*call.auth_context());
  const auto [begin, end] = call.client_metadata().equal_range("authorization");
  for (auto entry = begin; entry != end; ++entry) {
    credentials.authorization.emplace_back(entry->second.data(), entry->second.size());
  }
  FaultOr<Caller> caller = server::Admit(policy, credentials, absl::Now());
  if (!caller.ok()) {
    CountRefused(caller.fault().reason);
  }
  return caller;
}

absl::StatusOr<bool> AccessControl::Replace(std::shared_ptr<const AccessPolicy> policy) {
  const std::lock_guard lock(mutex_);
  policy = OrOpen(std::move(policy));
  if (policies_.back()->SameAs(*policy)) {
    return false;
  }
  if (policies_.size() >= kPoliciesMax) {
    return absl::ResourceExhaustedError("access was changed too often; only a restart can take further changes");
  }
  policies_.push_back(std::move(policy));
  current_.store(policies_.back().get(), std::memory_order_release);
  return true;
}

void ExpiryAlarm::Set(const Caller& caller, std::function<void()> on_expiry) {
  if (caller.expires == absl::InfiniteFuture()) {
    return;
  }
  const timespec time = absl::ToTimespec(caller.expires);
  alarm_ = std::make_unique<grpc::Alarm>();
  alarm_->Set(gpr_timespec{time.tv_sec, static_cast<int32_t>(time.tv_nsec), GPR_CLOCK_REALTIME},
              [on_expiry = std::move(on_expiry)](bool over) {
                if (over) {
                  on_expiry();
                }
              });
}

}  // namespace weir::server
