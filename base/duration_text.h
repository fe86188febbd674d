// A duration for people.
#ifndef WEIR_BASE_DURATION_TEXT_H_
#define WEIR_BASE_DURATION_TEXT_H_

#include <string>

#include "absl/time/time.h"

namespace weir {

// Without fractions of a millisecond: `1.25s`, `86ms`.
inline std::string DurationText(absl::Duration duration) {
  return absl::FormatDuration(absl::Trunc(duration, absl::Milliseconds(1)));
}

}  // namespace weir

#endif  // WEIR_BASE_DURATION_TEXT_H_
