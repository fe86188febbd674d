// When which source is due. Pure. One thread.
#ifndef WEIR_DEMO_FEED_SCHEDULE_H_
#define WEIR_DEMO_FEED_SCHEDULE_H_

#include <cstddef>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace weir::demo {

// The interval of a rate such as `2/s`, `0.5/s`, `30/m` or `2` (a second): more than 0 and at most 10,000 a second.
absl::StatusOr<absl::Duration> ParseRate(std::string_view text);

// Each source is due at its first time and then every interval. Whoever falls behind goes on from the present: what was
// missed is not made up for in a burst.
class Schedule {
 public:
  // Returns the source's number: 0, 1, …
  size_t Add(absl::Time first, absl::Duration interval);

  // The source that is due first, and when. At least one was added.
  size_t next() const;
  absl::Time next_time() const { return entries_[next()].due; }

  // The source was served.
  void Served(size_t source, absl::Time now);

 private:
  struct Entry {
    absl::Time due;
    absl::Duration interval;
  };

  std::vector<Entry> entries_;
};

}  // namespace weir::demo

#endif  // WEIR_DEMO_FEED_SCHEDULE_H_
