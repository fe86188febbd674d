// What all engines are told.
#ifndef WEIR_LOG_LOG_OPTIONS_H_
#define WEIR_LOG_LOG_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <functional>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace weir::log {

struct LogOptions {
  // Tells the publish time and the age of events. May go back: the publish times do not follow. Any thread.
  std::function<absl::Time()> clock = [] { return absl::Now(); };

  // A segment is what retention removes at once. It is closed at the first of these bounds; Trim also closes one that
  // is large or old for its policy. Larger ones mean fewer files and a longer scan when the log is opened.
  size_t segment_events_max = 131'072;
  uint64_t segment_bytes_max = 64 << 20;

  // Events whose ids are remembered, in two halves: at least half as many of the newest are. 16 bytes of memory each.
  size_t idempotence_events_max = 2 << 20;

  // An event's id may be used again after this. Longer than any client retries.
  absl::Duration idempotence_age_max = absl::Hours(24);

  // Events that one Read looks at before it returns what it has, so that no reader occupies its thread for long.
  size_t scan_events_max = 16'384;
};

}  // namespace weir::log

#endif  // WEIR_LOG_LOG_OPTIONS_H_
