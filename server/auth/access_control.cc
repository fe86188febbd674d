#include "server/auth/access_control.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/auth_context.h>
#include <grpcpp/server_context.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "base/text.h"

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

bool HasToken(const Caller& caller) { return caller.token.key != 0; }

}  // namespace

AccessControl::AccessControl(std::shared_ptr<const AccessPolicy> policy,
                             std::function<void(v1::ErrorReason)> on_refused, const Revocations* revocations)
    : on_refused_(std::move(on_refused)), revocations_(revocations), policy_(OrOpen(std::move(policy))) {}

FaultOr<Caller> AccessControl::Admit(const grpc::CallbackServerContext& call) const {
  std::shared_ptr<const AccessPolicy> judge = policy();
  if (judge->open()) {
    return Caller{.policy = std::move(judge)};
  }
  Credentials credentials;
  credentials.certificate = NamesOf(*call.auth_context());
  const auto [begin, end] = call.client_metadata().equal_range("authorization");
  for (auto entry = begin; entry != end; ++entry) {
    credentials.authorization.emplace_back(entry->second.data(), entry->second.size());
  }
  FaultOr<Caller> caller = server::Admit(std::move(judge), credentials, absl::Now());
  if (caller.ok()) {
    if (std::optional<Fault> revoked = JudgeRevoked(*caller)) {
      caller = *std::move(revoked);
    }
  }
  if (!caller.ok()) {
    CountRefused(caller.fault().reason);
  }
  return caller;
}

std::optional<Fault> AccessControl::JudgeRevoked(const Caller& caller) const {
  if (revocations_ == nullptr || !HasToken(caller)) {
    return std::nullopt;
  }
  const absl::Status status = revocations_->Judge(caller.token, absl::Now());
  if (status.ok()) {
    return std::nullopt;
  }
  if (IsTokenRevoked(status)) {
    return FaultOf(StreamEnd::kTokenRevoked);
  }
  return Fault{.reason = v1::ERROR_REASON_REVOCATIONS_UNKNOWN,
               .message = std::string(Message(status)),
               .retry_after = absl::Seconds(1)};
}

std::optional<StreamEnd> AccessControl::EndOf(const Caller& caller) const {
  if (caller.policy != policy()) {
    return StreamEnd::kAccessChanged;
  }
  if (revocations_ != nullptr && HasToken(caller) && IsTokenRevoked(revocations_->Judge(caller.token, absl::Now()))) {
    return StreamEnd::kTokenRevoked;
  }
  return std::nullopt;
}

bool AccessControl::Replace(std::shared_ptr<const AccessPolicy> next) {
  next = OrOpen(std::move(next));
  const std::lock_guard lock(mutex_);
  if (policy_->SameAs(*next)) {
    return false;
  }
  policy_.swap(next);  // the old one goes when the lock is given back
  return true;
}

}  // namespace weir::server
