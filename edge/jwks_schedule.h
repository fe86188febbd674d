// When the keys of one issuer are fetched. Pure; one thread.
//
// They are fetched when the answer before is too old, sooner when a token names a key that is not there (so that a
// rotation is noticed), and again after a failure, ever more rarely. Whatever tokens say, attempts begin at least
// kWantInterval apart.
#ifndef WEIR_EDGE_JWKS_SCHEDULE_H_
#define WEIR_EDGE_JWKS_SCHEDULE_H_

#include <algorithm>
#include <optional>

#include "absl/time/time.h"

namespace weir::edge {

class JwksSchedule {
 public:
  static constexpr absl::Duration kAgeMin = absl::Minutes(1);
  static constexpr absl::Duration kAgeMax = absl::Hours(24);
  static constexpr absl::Duration kAgeDefault = absl::Minutes(10);
  static constexpr absl::Duration kWantInterval = absl::Seconds(5);
  static constexpr absl::Duration kRetryMin = absl::Seconds(5);
  static constexpr absl::Duration kRetryMax = absl::Minutes(5);

  // The first attempt is due at once.
  absl::Time next() const { return next_; }

  void Begin(absl::Time now) {
    running_ = true;
    began_ = now;
  }
  // `max_age`: as the answer says, if it does.
  void Succeeded(absl::Time now, std::optional<absl::Duration> max_age) {
    running_ = false;
    failures_ = 0;
    next_ = now + std::clamp(max_age.value_or(kAgeDefault), kAgeMin, kAgeMax);
  }
  void Failed(absl::Time now) {
    running_ = false;
    next_ = now + std::min(kRetryMin * (1 << std::min(failures_, 10)), kRetryMax);
    ++failures_;
  }
  // A token names a key that is not there. True: an attempt is under way, or due now.
  bool Want(absl::Time now) {
    if (running_ || next_ <= now) {
      return true;
    }
    if (now < began_ + kWantInterval) {
      return false;
    }
    next_ = now;
    return true;
  }

 private:
  absl::Time next_ = absl::InfinitePast();
  absl::Time began_ = absl::InfinitePast();
  bool running_ = false;
  int failures_ = 0;
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_JWKS_SCHEDULE_H_
