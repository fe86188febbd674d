#include "demo/feed/schedule.h"

#include <algorithm>
#include <string>

#include "absl/strings/numbers.h"
#include "base/text.h"
#include "fmt/format.h"

namespace weir::demo {

absl::StatusOr<absl::Duration> ParseRate(std::string_view text) {
  std::string_view number = text;
  absl::Duration unit = absl::Seconds(1);
  if (const size_t slash = text.find('/'); slash != std::string_view::npos) {
    number = text.substr(0, slash);
    const std::string_view per = text.substr(slash + 1);
    unit = per == "m" ? absl::Minutes(1) : per == "s" ? absl::Seconds(1) : absl::ZeroDuration();
  }
  double rate = 0;
  const bool is_number = absl::SimpleAtod(absl::string_view(number.data(), number.size()), &rate);
  const absl::Duration interval = is_number && rate > 0 ? unit / rate : absl::ZeroDuration();
  if (interval < absl::Microseconds(100) || interval > absl::Hours(24)) {
    return absl::InvalidArgumentError(
        fmt::format("'{}' is not a rate; allowed are such as 2/s, 0.5/s or 30/m, at most 10000/s", Quotable(text)));
  }
  return interval;
}

size_t Schedule::Add(absl::Time first, absl::Duration interval) {
  entries_.push_back({first, interval});
  return entries_.size() - 1;
}

size_t Schedule::next() const {
  const auto earlier = [](const Entry& a, const Entry& b) { return a.due < b.due; };
  return static_cast<size_t>(std::min_element(entries_.begin(), entries_.end(), earlier) - entries_.begin());
}

void Schedule::Served(size_t source, absl::Time now) {
  Entry& entry = entries_[source];
  entry.due += entry.interval;
  if (now - entry.due > std::max(entry.interval, absl::Seconds(1))) {
    entry.due = now;
  }
}

}  // namespace weir::demo
