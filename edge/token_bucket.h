// How often something may happen: a bucket that holds a minute's worth, and fills evenly.
//
// Kept as one time, the moment when it is full again (GCRA, ITU-T I.371). Pure; one thread.
#ifndef WEIR_EDGE_TOKEN_BUCKET_H_
#define WEIR_EDGE_TOKEN_BUCKET_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace weir::edge {

class TokenBucket {
 public:
  using Instant = std::chrono::steady_clock::time_point;

  // False: it is empty. `per_minute` is not 0.
  bool Take(size_t per_minute, Instant now) {
    const std::chrono::steady_clock::duration minute = std::chrono::minutes(1);
    const auto interval = minute / static_cast<int64_t>(per_minute);
    const Instant full_at = std::max(full_at_, now);
    if (full_at - now > minute - interval) {
      return false;
    }
    full_at_ = full_at + interval;
    return true;
  }
  bool full(Instant now) const { return full_at_ <= now; }

 private:
  Instant full_at_;
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_TOKEN_BUCKET_H_
