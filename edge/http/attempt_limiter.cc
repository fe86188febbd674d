#include "edge/http/attempt_limiter.h"

#include <algorithm>

namespace weir::edge {
namespace {

constexpr std::chrono::steady_clock::duration kMinute = std::chrono::minutes(1);
constexpr std::chrono::seconds kSweepInterval(1);

}  // namespace

void AttemptLimiter::SetRate(size_t per_minute) {
  const std::lock_guard<std::mutex> lock(mutex_);
  per_minute_ = per_minute;
  full_at_.clear();
}

bool AttemptLimiter::Allow(uint64_t address, Instant now) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const size_t per_minute = per_minute_;
  if (per_minute == 0) {
    return true;
  }
  const auto interval = kMinute / static_cast<int64_t>(per_minute);
  const auto known = full_at_.find(address);
  const Instant full_at = known == full_at_.end() ? now : std::max(known->second, now);
  if (full_at - now > kMinute - interval) {
    return false;
  }
  if (known != full_at_.end()) {
    known->second = full_at + interval;
  } else if (MakeRoom(now)) {
    full_at_.emplace(address, full_at + interval);
  }
  return true;
}

// Looks for full buckets now and then only.
bool AttemptLimiter::MakeRoom(Instant now) {
  if (full_at_.size() < kAddressesMax) {
    return true;
  }
  if (now - swept_ >= kSweepInterval) {
    swept_ = now;
    absl::erase_if(full_at_, [now](const auto& bucket) { return bucket.second <= now; });
  }
  return full_at_.size() < kAddressesMax;
}

}  // namespace weir::edge
