#include "edge/http/attempt_limiter.h"

#include <chrono>

namespace weir::edge {
namespace {

constexpr std::chrono::seconds kSweepInterval(1);

}  // namespace

void AttemptLimiter::SetRate(size_t per_minute) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (per_minute_ == per_minute) {
    return;
  }
  per_minute_ = per_minute;
  buckets_.clear();
  others_ = TokenBucket();
}

bool AttemptLimiter::Allow(uint64_t address, Instant now) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const size_t per_minute = per_minute_;
  if (per_minute == 0) {
    return true;
  }
  const auto known = buckets_.find(address);
  const bool counted = known != buckets_.end() || MakeRoom(now);
  TokenBucket& bucket = known != buckets_.end() ? known->second : counted ? buckets_[address] : others_;
  return bucket.Take(per_minute, now);
}

// Looks for full buckets now and then only.
bool AttemptLimiter::MakeRoom(Instant now) {
  if (buckets_.size() < kAddressesMax) {
    return true;
  }
  if (now - swept_ >= kSweepInterval) {
    swept_ = now;
    absl::erase_if(buckets_, [now](const auto& bucket) { return bucket.second.full(now); });
  }
  return buckets_.size() < kAddressesMax;
}

}  // namespace weir::edge
