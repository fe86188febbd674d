// Segments: stretches of the log that are indexed, and removed, as a whole. What is pure about them.
#ifndef WEIR_LOG_SEGMENT_H_
#define WEIR_LOG_SEGMENT_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/time/time.h"
#include "log/chunk.h"
#include "log/log_engine.h"

namespace weir::log {

// What is known of a segment without reading it. The events of a segment follow each other without holes, and segments
// follow each other without holes.
struct SegmentInfo {
  uint64_t first = 0;  // sequence; 0: the segment has no events yet
  uint64_t last = 0;
  uint64_t bytes = 0;  // of elements
  int64_t first_millis = 0;
  int64_t last_millis = 0;

  bool empty() const { return first == 0; }
  uint64_t events() const { return empty() ? 0 : last - first + 1; }

  // Adds the chunk that follows.
  void Add(const Chunk& chunk);

  friend bool operator==(const SegmentInfo&, const SegmentInfo&) = default;
};

// How many of the oldest segments hold nothing that the policy still keeps: all their events are older than age_max, or
// the segments after them have bytes_max by themselves; and all are before keep_from.
size_t SegmentsToDrop(std::span<const SegmentInfo> oldest_first, const TrimPolicy& policy, absl::Time now);

// Whether the segment that is being written should end now, so that the policy can be kept to about an eighth.
bool ShouldClose(const SegmentInfo& active, const TrimPolicy& policy, absl::Time now);

}  // namespace weir::log

#endif  // WEIR_LOG_SEGMENT_H_
