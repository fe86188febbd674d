#include "edge/http/admission.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <cstring>
#include <string>

namespace weir::edge {
namespace {

constexpr std::chrono::nanoseconds kComplaintInterval = std::chrono::seconds(10);

std::string NameOf(uint64_t key) {
  std::string name(sizeof(key), '\0');
  std::memcpy(name.data(), &key, sizeof(key));
  return name;
}

}  // namespace

Admission::Admission(const AdmissionLimits& limits, ConnectionCensus& census, std::vector<const Hub*> hubs,
                     HttpMetrics& metrics)
    : connects_(limits.connects_per_minute),
      attempts_(limits.attempts_per_minute),
      polls_(limits.polls_per_minute),
      connections_max_(limits.connections_max),
      answer_bytes_max_(limits.answer_bytes_max),
      connections_per_address_(static_cast<int64_t>(limits.connections_per_address)),
      connections_per_principal_(static_cast<int64_t>(limits.connections_per_principal)),
      census_(census),
      hubs_(std::move(hubs)),
      metrics_(metrics) {
  metrics_.SetConnectionsMax(limits.connections_max);
}

void Admission::SetLimits(const AdmissionLimits& limits) {
  connects_.SetRate(limits.connects_per_minute);
  attempts_.SetRate(limits.attempts_per_minute);
  polls_.SetRate(limits.polls_per_minute);
  connections_max_.store(limits.connections_max, std::memory_order_relaxed);
  answer_bytes_max_.store(limits.answer_bytes_max, std::memory_order_relaxed);
  connections_per_address_.store(static_cast<int64_t>(limits.connections_per_address), std::memory_order_relaxed);
  connections_per_principal_.store(static_cast<int64_t>(limits.connections_per_principal), std::memory_order_relaxed);
  metrics_.SetConnectionsMax(limits.connections_max);
}

size_t Admission::total() const {
  size_t total = metrics_.connections();
  for (const Hub* hub : hubs_) {
    total += hub->connections();
  }
  return total;
}

bool Admission::full() const {
  const size_t most = connections_max_.load(std::memory_order_relaxed);
  return total() >= most + HeadroomAbove(most);
}

bool Admission::MayConnect(const ClientAddress& client, ConnectionCounts::Held& held, AttemptLimiter::Instant now) {
  return Allow(connects_, Limit::kConnectsPerMinute, client, now) && MayHold(client, held);
}

bool Admission::MayHold(const ClientAddress& client, ConnectionCounts::Held& held) {
  held = ConnectionCounts::Held();
  if (client.exempt) {
    return true;
  }
  held = ConnectionCounts::Held(census_.addresses.OpenUpTo(NameOf(client.address.client_key()),
                                                           connections_per_address_.load(std::memory_order_relaxed)));
  if (!held) {
    metrics_.CountLimited(Limit::kConnectionsPerAddress);
    Complain(client.address, LimitName(Limit::kConnectionsPerAddress));
  }
  return static_cast<bool>(held);
}

bool Admission::MayAttempt(const ClientAddress& client, AttemptLimiter::Instant now) {
  return Allow(attempts_, Limit::kAttemptsPerMinute, client, now);
}

bool Admission::MayPoll(const ClientAddress& client, AttemptLimiter::Instant now) {
  return Allow(polls_, Limit::kPollsPerMinute, client, now);
}

bool Admission::PrincipalFull(std::string_view principal) {
  if (principal.empty() ||
      census_.principals.open(principal) < connections_per_principal_.load(std::memory_order_relaxed)) {
    return false;
  }
  metrics_.CountLimited(Limit::kConnectionsPerPrincipal);
  return true;
}

bool Admission::TakeRoom(size_t bytes) {
  if (metrics_.AddAnswerBytes(bytes) <= answer_bytes_max_.load(std::memory_order_relaxed)) {
    return true;
  }
  metrics_.SubtractAnswerBytes(bytes);
  return false;
}

bool Admission::Allow(AttemptLimiter& limiter, Limit limit, const ClientAddress& client, AttemptLimiter::Instant now) {
  if (client.exempt || !limiter.limits() || limiter.Allow(client.address.client_key(), now)) {
    return true;
  }
  metrics_.CountLimited(limit);
  Complain(client.address, LimitName(limit));
  return false;
}

void Admission::Complain(const IpAddress& address, std::string_view limit) {
  const int64_t now = std::chrono::steady_clock::now().time_since_epoch().count();
  int64_t next = next_complaint_ns_.load(std::memory_order_relaxed);
  if (now < next ||
      !next_complaint_ns_.compare_exchange_strong(next, now + kComplaintInterval.count(), std::memory_order_relaxed)) {
    return;
  }
  spdlog::warn("{} has come to limits.{}, and is refused more; if it is a proxy, name it in trusted_proxies",
               address.ToString(), limit);
}

}  // namespace weir::edge
