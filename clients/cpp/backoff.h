// How long to wait before another try: a random time between nothing and 2^n times the minimum, at most the maximum.
// Many clients that lost one server at one moment then come back spread out ("full jitter").
#ifndef WEIR_CLIENTS_CPP_BACKOFF_H_
#define WEIR_CLIENTS_CPP_BACKOFF_H_

#include <functional>

#include "absl/time/time.h"

namespace weir::client {

// One thread at a time.
class Backoff {
 public:
  // `random` returns numbers in [0, 1); empty: a generator of its own, seeded by the system.
  Backoff(absl::Duration min, absl::Duration max, std::function<double()> random);

  // The wait before the next try; the bound doubles with each call.
  absl::Duration Next();
  // A try succeeded.
  void Reset() { bound_ = min_; }

 private:
  absl::Duration min_;
  absl::Duration max_;
  absl::Duration bound_;
  std::function<double()> random_;
};

}  // namespace weir::client

#endif  // WEIR_CLIENTS_CPP_BACKOFF_H_
