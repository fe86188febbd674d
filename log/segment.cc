#include "log/segment.h"

namespace weir::log {

void SegmentInfo::Add(const Chunk& chunk) {
  if (empty()) {
    first = chunk.first_sequence();
    first_millis = chunk.events().front().publish_millis;
  }
  last = chunk.last_sequence();
  last_millis = chunk.events().back().publish_millis;
  bytes += chunk.bytes().size();
}

size_t SegmentsToDrop(std::span<const SegmentInfo> oldest_first, const TrimPolicy& policy, absl::Time now) {
  uint64_t bytes_after = 0;
  for (const SegmentInfo& segment : oldest_first) {
    bytes_after += segment.bytes;
  }
  size_t count = 0;
  for (const SegmentInfo& segment : oldest_first) {
    bytes_after -= segment.bytes;
    const bool too_old =
        policy.age_max > absl::ZeroDuration() && absl::FromUnixMillis(segment.last_millis) < now - policy.age_max;
    const bool too_much = policy.bytes_max > 0 && bytes_after >= policy.bytes_max;
    if ((!too_old && !too_much) || segment.last >= policy.keep_from) {
      break;
    }
    ++count;
  }
  return count;
}

bool ShouldClose(const SegmentInfo& active, const TrimPolicy& policy, absl::Time now) {
  if (active.empty()) {
    return false;
  }
  const absl::Duration age = now - absl::FromUnixMillis(active.first_millis);
  return (policy.age_max > absl::ZeroDuration() && age > policy.age_max / 8) ||
         (policy.bytes_max > 0 && active.bytes > policy.bytes_max / 8);
}

}  // namespace weir::log
