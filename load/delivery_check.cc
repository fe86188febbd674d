#include "load/delivery_check.h"

#include <algorithm>

namespace weir::load {

DeliveryCheck::DeliveryCheck(size_t readers, double deliveries)
    : readers_(readers), timed_each_(static_cast<size_t>(deliveries / static_cast<double>(kTimesMax)) + 1) {}

void DeliveryCheck::Took(size_t reader, uint64_t sequence, int64_t nanos) {
  Reader& taker = readers_[reader];
  if (sequence == taker.last) {
    ++doubled_;
    return;
  }
  if (sequence < taker.last) {
    ++disordered_;
    return;
  }
  taker.last = sequence;
  newest_ = std::max(newest_, sequence);
  if (sequence <= from_) {
    return;
  }
  Count(taker, sequence);
  if (reader % timed_each_ == 0 && times_.size() < kTimesMax) {
    times_.push_back({sequence, nanos});
  }
}

void DeliveryCheck::Count(Reader& reader, uint64_t sequence) {
  size_t at = reader.next;
  if (at >= events_.size() || events_[at].sequence != sequence) {
    const auto place = std::lower_bound(events_.begin(), events_.end(), sequence,
                                        [](const Event& event, uint64_t value) { return event.sequence < value; });
    at = static_cast<size_t>(place - events_.begin());
    if (place == events_.end() || place->sequence != sequence) {
      if (events_.size() == kEventsMax) {
        overflowed_ = true;
        return;
      }
      events_.insert(place, {sequence, 0});
    }
  }
  ++events_[at].readers;
  reader.next = at + 1;
}

uint64_t DeliveryCheck::Lost(uint64_t to, const std::vector<uint64_t>& published) const {
  uint64_t lost = 0;
  auto should = published.begin();
  for (const Event& event : events_) {
    if (event.sequence > to) {
      break;
    }
    for (; should != published.end() && *should < event.sequence; ++should) {
      lost += readers_.size();  // nobody had it
    }
    should += should != published.end() && *should == event.sequence ? 1 : 0;
    lost += readers_.size() - event.readers;
  }
  return lost + static_cast<uint64_t>(published.end() - should) * readers_.size();
}

}  // namespace weir::load
