// How often one address may open a stream: a token bucket for each, forgotten when it is full again.
//
// Bounds: 65,536 addresses, about 2 MiB; when all of these are in use, further ones share one bucket. Any thread.
#ifndef WEIR_EDGE_HTTP_ATTEMPT_LIMITER_H_
#define WEIR_EDGE_HTTP_ATTEMPT_LIMITER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "edge/token_bucket.h"

namespace weir::edge {

class AttemptLimiter {
 public:
  using Instant = TokenBucket::Instant;

  // 0: as many as they like.
  explicit AttemptLimiter(size_t per_minute) : per_minute_(per_minute) {}

  // Another rate than before begins with full buckets.
  void SetRate(size_t per_minute);
  // Whether there is a rate.
  bool limits() const { return per_minute_.load(std::memory_order_relaxed) > 0; }
  // Counts an attempt. False: this address makes too many, and this one does not count.
  bool Allow(uint64_t address, Instant now);

  static constexpr size_t kAddressesMax = 65'536;

 private:
  bool MakeRoom(Instant now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  std::atomic<size_t> per_minute_;  // written under mutex_
  std::mutex mutex_;
  absl::flat_hash_map<uint64_t, TokenBucket> buckets_ ABSL_GUARDED_BY(mutex_);
  TokenBucket others_ ABSL_GUARDED_BY(mutex_);  // of those for whom there is no room
  Instant swept_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_HTTP_ATTEMPT_LIMITER_H_
