// UUIDs of version 7 (RFC 9562): sorted by the time they were made.
#ifndef WEIR_BASE_UUID_H_
#define WEIR_BASE_UUID_H_

#include <array>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>

#include "absl/base/thread_annotations.h"
#include "base/clock.h"

namespace weir {

// Makes UUIDs of which each is greater than the one before, also when the clock stands or goes back: 12 bits after the
// milliseconds count, from a random start below 2048 (RFC 9562 section 6.2, method 1); 62 bits are random each time.
// Any thread.
class UuidGenerator {
 public:
  // `random` gives 64 random bits; it is called by one thread at a time.
  explicit UuidGenerator(Clock clock = SystemClock(), std::function<uint64_t()> random = SystemRandom());

  // 36 characters: `0190163d-8694-739b-aea5-966c26f8ad91`.
  std::string Next() ABSL_LOCKS_EXCLUDED(mutex_);

  // Bits of the kernel's generator, read in blocks.
  static std::function<uint64_t()> SystemRandom();

 private:
  const Clock clock_;
  std::mutex mutex_;
  std::function<uint64_t()> random_ ABSL_GUARDED_BY(mutex_);
  uint64_t millis_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t count_ ABSL_GUARDED_BY(mutex_) = 0;
};

// From one generator for the whole process. Any thread.
std::string NewUuid();

}  // namespace weir

#endif  // WEIR_BASE_UUID_H_
