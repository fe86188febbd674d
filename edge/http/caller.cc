#include "edge/http/caller.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <mutex>

#include "edge/http/forwarded.h"

namespace weir::edge {

using std::chrono::steady_clock;

namespace {

// Said once, for it would come with each request.
void WarnOfUnnamedProxy(const IpAddress& proxy) {
  static std::once_flag said;
  std::call_once(said, [&proxy] {
    spdlog::warn(
        "a request from {} brings X-Forwarded-For, but trusted_proxies does not name that address: "
        "what comes through it has no limit of an address",
        proxy.ToString());
  });
}

}  // namespace

void Caller::Name(const std::optional<IpAddress>& source) {
  named_ = source.has_value();
  hop_ = source.value_or(hop_);
}

bool Caller::MayConnect(Admission& admission, const Networks& trusted) {
  const ClientAddress client = {hop_, Contain(trusted, hop_) || (hop_.is_loopback() && !named_)};
  return admission.MayConnect(client, held_, steady_clock::now());
}

std::optional<ClientAddress> Caller::ClientOf(const RequestHead& head, const Networks& trusted) const {
  const std::optional<IpAddress> client = ForwardedClient(hop_, head.forwarded_for, trusted);
  if (!client) {
    return std::nullopt;
  }
  const bool itself = *client == hop_;
  const bool trusted_hop = Contain(trusted, hop_);
  const bool local = hop_.is_loopback() && !named_;
  if (local && !trusted_hop && !head.forwarded_for.empty()) {
    WarnOfUnnamedProxy(hop_);
  }
  return ClientAddress{*client, itself && (trusted_hop || local)};
}

const Problem* Caller::Attempt(Admission& admission, const ClientAddress& client, bool poll) {
  const auto now = steady_clock::now();
  if (poll ? !admission.MayPoll(client, now) : !admission.MayAttempt(client, now)) {
    return poll ? &problem::kTooManyPolls : &problem::kTooManyAttempts;
  }
  if (client.address != hop_) {
    borrowed_ = true;
    if (!admission.MayHold(client, held_)) {
      return &problem::kTooManyConnections;
    }
  }
  return nullptr;
}

void Caller::EndRequest() {
  if (borrowed_) {
    held_ = ConnectionCounts::Held();
    borrowed_ = false;
  }
}

}  // namespace weir::edge
