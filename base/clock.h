// Time as an argument: what depends on time takes a Clock, and tests move it by hand.
#ifndef WEIR_BASE_CLOCK_H_
#define WEIR_BASE_CLOCK_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace weir {

// Says what time it is; any thread.
using Clock = std::function<absl::Time()>;

inline Clock SystemClock() {
  return [] { return absl::Now(); };
}

// For durations: it goes on evenly when somebody sets the machine's clock. Its times have no meaning elsewhere.
inline Clock MonotonicClock() {
  return [] { return absl::UnixEpoch() + absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch()); };
}

// A clock that stands until it is moved. Any thread. It must outlive the clocks it gives.
class SimulatedClock {
 public:
  explicit SimulatedClock(absl::Time start = absl::FromUnixSeconds(1'700'000'000)) { Set(start); }
  SimulatedClock(const SimulatedClock&) = delete;
  SimulatedClock& operator=(const SimulatedClock&) = delete;

  absl::Time Now() const { return absl::FromUnixNanos(nanos_.load()); }
  void Set(absl::Time now) { nanos_.store(absl::ToUnixNanos(now)); }
  void Advance(absl::Duration step) { nanos_.fetch_add(absl::ToInt64Nanoseconds(step)); }

  Clock clock() const {
    return [this] { return Now(); };
  }

 private:
  std::atomic<int64_t> nanos_;
};

}  // namespace weir

#endif  // WEIR_BASE_CLOCK_H_
