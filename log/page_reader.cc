#include "log/page_reader.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "fmt/format.h"

namespace weir::log {
namespace {

// More exact topics than this are scanned for.
constexpr size_t kIndexedTopicsMax = 64;
// Index look-ups of one call: bounds the replay of a rare topic over very many segments.
constexpr size_t kLookupsMax = 4'096;

const TextSet& NoTypes() {
  static const TextSet none;
  return none;
}

bool IsIndexed(const Selection* selection) {
  return selection != nullptr && selection->filters.wildcard().empty() &&
         selection->filters.exact().size() <= kIndexedTopicsMax;
}

absl::Status Expired(uint64_t after, uint64_t earliest) {
  return absl::OutOfRangeError(
      fmt::format("events after {} were removed; the first that is retained is {}", after, earliest));
}

// Nobody may be given an event because an index says so.
absl::Status WrongPostings(uint64_t sequence) {
  return absl::DataLossError(
      fmt::format("the log is damaged: its index names event {}, which is not on that topic", sequence));
}

class PageBuilder {
 public:
  explicit PageBuilder(const ReadRequest& request) : request_(request) {}

  // False when the event has no room.
  bool Add(const StoredEvent& event, const ChunkPtr& chunk) {
    if (!page_.events.empty() &&
        (page_.events.size() >= request_.events_max || bytes_ + event.element.size() > request_.bytes_max)) {
      return false;
    }
    page_.events.push_back(event);
    bytes_ += event.element.size();
    if (page_.chunks.empty() || page_.chunks.back() != chunk) {
      page_.chunks.push_back(chunk);
    }
    return true;
  }

  // How many more may have room.
  size_t room() const {
    return std::max<size_t>(request_.events_max, 1) - std::min(page_.events.size(), request_.events_max);
  }

  Page Finish(uint64_t read_to) {
    page_.read_to = read_to;
    return std::move(page_);
  }

  size_t size() const { return page_.events.size(); }

 private:
  const ReadRequest& request_;
  Page page_;
  size_t bytes_ = 0;
};

// The segment that holds the sequence, or the first after it.
size_t SegmentOf(std::span<const SegmentInfo> segments, uint64_t sequence) {
  const auto it = std::lower_bound(segments.begin(), segments.end(), sequence,
                                   [](const SegmentInfo& segment, uint64_t wanted) { return segment.last < wanted; });
  return static_cast<size_t>(it - segments.begin());
}

// Reads [low, high] of the log, both retained, in one direction. Not empty.
class RangeReader {
 public:
  RangeReader(LogView& view, const ReadRequest& request, uint64_t low, uint64_t high)
      : view_(view), request_(request), low_(low), high_(high), down_(request.newest_first), page_(request) {}

  absl::StatusOr<Page> Scan(size_t events_max) {
    size_t scanned = 0;
    uint64_t sequence = down_ ? high_ : low_;
    while (true) {
      const absl::StatusOr<ChunkPtr> chunk = view_.ChunkAt(sequence);
      if (!chunk.ok()) {
        return chunk.status();
      }
      const uint64_t end =
          down_ ? std::max(low_, (*chunk)->first_sequence()) : std::min(high_, (*chunk)->last_sequence());
      for (;; sequence = Next(sequence)) {
        const StoredEvent& event = (*chunk)->at(sequence);
        ++scanned;
        if ((request_.selection == nullptr || request_.selection->Matches(event)) && !page_.Add(event, *chunk)) {
          return page_.Finish(Before(sequence));
        }
        if (sequence == end) {
          break;
        }
      }
      if (sequence == (down_ ? low_ : high_) || scanned >= events_max || page_.room() == 0) {
        return page_.Finish(sequence);
      }
      sequence = Next(sequence);
    }
  }

  absl::StatusOr<Page> LookUp() {
    const std::span<const SegmentInfo> segments = view_.segments();
    size_t lookups = 0;
    for (size_t i = SegmentOf(segments, down_ ? high_ : low_);; down_ ? --i : ++i) {
      absl::StatusOr<std::vector<uint64_t>> sequences = SequencesIn(i);
      if (!sequences.ok()) {
        return sequences.status();
      }
      for (const uint64_t sequence : *sequences) {
        const absl::StatusOr<ChunkPtr> chunk = view_.EventAt(sequence);
        if (!chunk.ok()) {
          return chunk.status();
        }
        if (!request_.selection->Matches((*chunk)->at(sequence))) {
          return WrongPostings(sequence);
        }
        if (!page_.Add((*chunk)->at(sequence), *chunk)) {
          return page_.Finish(Before(sequence));
        }
      }
      lookups += request_.selection->filters.exact().size();
      const uint64_t read_to = down_ ? std::max(low_, segments[i].first) : std::min(high_, segments[i].last);
      if (read_to == (down_ ? low_ : high_) || lookups >= kLookupsMax) {
        return page_.Finish(read_to);
      }
    }
  }

 private:
  uint64_t Next(uint64_t sequence) const { return down_ ? sequence - 1 : sequence + 1; }
  uint64_t Before(uint64_t sequence) const { return down_ ? sequence + 1 : sequence - 1; }

  // The selected events of a segment: one more than have room, so that a full page is noticed.
  absl::StatusOr<std::vector<uint64_t>> SequencesIn(size_t segment) {
    const uint64_t first = view_.segments()[segment].first;
    constexpr size_t kRoomMax = std::numeric_limits<size_t>::max() - 1;
    const SequenceRange range{low_, high_, std::min(page_.room(), kRoomMax) + 1, down_};
    std::vector<uint64_t> sequences;
    for (const std::string& topic : request_.selection->filters.exact()) {
      const absl::Status status = view_.WithPostings(segment, topic, [&](const TopicPostings& postings) {
        CollectSequences(postings, first, request_.selection->types, range, sequences);
      });
      if (!status.ok()) {
        return status;
      }
    }
    if (down_) {
      std::sort(sequences.begin(), sequences.end(), std::greater<>());
    } else {
      std::sort(sequences.begin(), sequences.end());
    }
    return sequences;
  }

  LogView& view_;
  const ReadRequest& request_;
  const uint64_t low_;
  const uint64_t high_;
  const bool down_;
  PageBuilder page_;
};

absl::StatusOr<Page> ReadRange(LogView& view, const ReadRequest& request, uint64_t low, uint64_t high,
                               size_t scan_events_max) {
  RangeReader reader(view, request, low, high);
  return IsIndexed(request.selection) ? reader.LookUp() : reader.Scan(scan_events_max);
}

absl::StatusOr<Page> ReadDown(LogView& view, const ReadRequest& request, size_t scan_events_max) {
  Page nothing;
  nothing.read_to = std::min(request.until, request.after);
  if (request.after == 0) {
    return nothing;
  }
  const uint64_t high = std::min(request.after - 1, view.head());
  while (true) {
    const uint64_t low = std::max(request.until, view.earliest());
    if (low > high) {
      return nothing;
    }
    absl::StatusOr<Page> page = ReadRange(view, request, low, high, scan_events_max);
    // What retention removed meanwhile is beyond the end of the log.
    const uint64_t earliest = std::max(low, view.earliest());
    if (!page.ok() && earliest > low) {
      continue;
    }
    if (page.ok() && page->read_to <= earliest) {
      std::erase_if(page->events, [&](const StoredEvent& event) { return event.sequence < earliest; });
      page->read_to = request.until;
    }
    return page;
  }
}

std::string SnapshotKey(const Selection* selection, uint64_t until) {
  std::string key = fmt::format("{}", until);
  if (selection == nullptr) {
    return key;
  }
  std::vector<std::string> parts = selection->filters.filters();
  std::sort(parts.begin(), parts.end());
  const auto types = static_cast<std::ptrdiff_t>(parts.size());
  parts.insert(parts.end(), selection->types.begin(), selection->types.end());
  std::sort(parts.begin() + types, parts.end());
  for (const std::string& part : parts) {
    key.append(" ").append(part);
  }
  return key.append(fmt::format(" {}", types));
}

// The newest sequence of each selected topic up to `until`, ascending.
absl::StatusOr<std::vector<uint64_t>> CollectLast(LogView& view, const Selection* selection, uint64_t until) {
  const TextSet& types = selection == nullptr ? NoTypes() : selection->types;
  const std::span<const SegmentInfo> segments = view.segments();
  std::vector<uint64_t> last;
  TextSet found;
  for (size_t i = segments.size(); i-- > 0;) {
    const SequenceRange range{0, until, 1, true};
    const auto collect = [&](std::string_view topic, const TopicPostings& postings) {
      const size_t before = last.size();
      CollectSequences(postings, segments[i].first, types, range, last);
      if (last.size() > before) {
        found.emplace(topic);
      }
    };
    absl::Status status;
    if (IsIndexed(selection)) {
      for (const std::string& topic : selection->filters.exact()) {
        if (status.ok() && !found.contains(topic)) {
          status = view.WithPostings(i, topic, [&](const TopicPostings& postings) { collect(topic, postings); });
        }
      }
    } else {
      status = view.ForEachTopic(i, [&](std::string_view topic, const TopicPostings& postings) {
        if ((selection == nullptr || selection->filters.Matches(topic)) && !found.contains(topic)) {
          collect(topic, postings);
        }
      });
    }
    if (!status.ok()) {
      return status;
    }
    if (IsIndexed(selection) && found.size() == selection->filters.exact().size()) {
      break;
    }
  }
  std::sort(last.begin(), last.end());
  return last;
}

}  // namespace

absl::StatusOr<Page> ReadPage(LogView& view, const ReadRequest& request, size_t scan_events_max) {
  if (request.newest_first) {
    return ReadDown(view, request, scan_events_max);
  }
  const auto expired = [&] { return request.after < view.earliest() - 1; };
  if (expired()) {
    return Expired(request.after, view.earliest());
  }
  const uint64_t high = std::min(request.until, view.head());
  if (request.after >= high) {
    Page nothing;
    nothing.read_to = request.after;
    return nothing;
  }
  absl::StatusOr<Page> page = ReadRange(view, request, request.after + 1, high, scan_events_max);
  // Retention may have passed while the page was read: then it may have a hole, or an error that is none.
  if (expired()) {
    return Expired(request.after, view.earliest());
  }
  return page;
}

absl::StatusOr<uint64_t> FindSequenceBefore(LogView& view, absl::Time time) {
  const uint64_t earliest = view.earliest();
  const std::span<const SegmentInfo> segments = view.segments();
  const auto is_before = [&](int64_t millis) { return absl::FromUnixMillis(millis) < time; };
  const auto segment = std::partition_point(segments.begin(), segments.end(),
                                            [&](const SegmentInfo& each) { return is_before(each.last_millis); });
  // Before `low` all events are before the time, from `high` on none is.
  uint64_t low = segment == segments.end() ? view.head() + 1 : segment->first;
  uint64_t high = segment == segments.end() ? low : std::min(segment->last, view.head() + 1);
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    const absl::StatusOr<ChunkPtr> chunk = view.ChunkAt(middle);
    if (!chunk.ok()) {
      if (view.earliest() > middle) {
        return view.earliest() - 1;  // removed meanwhile
      }
      return chunk.status();
    }
    if (is_before((*chunk)->at(middle).publish_millis)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return std::max(std::max(low, earliest), view.earliest()) - 1;
}

absl::StatusOr<Page> LastPerTopicReader::Read(LogView& view, const ReadRequest& request) {
  const uint64_t until = std::min(request.until, view.head());
  std::string key = SnapshotKey(request.selection, until);
  std::shared_ptr<const Sequences> sequences = Lookup(key);
  if (sequences == nullptr) {
    absl::StatusOr<Sequences> collected = CollectLast(view, request.selection, until);
    if (!collected.ok()) {
      return collected.status();
    }
    sequences = std::make_shared<const Sequences>(*std::move(collected));
  }
  PageBuilder page(request);
  const uint64_t low = std::max(request.after + 1, view.earliest());
  for (auto it = std::lower_bound(sequences->begin(), sequences->end(), low); it != sequences->end(); ++it) {
    const absl::StatusOr<ChunkPtr> chunk = view.EventAt(*it);
    if (!chunk.ok()) {
      if (*it < view.earliest()) {
        continue;  // removed meanwhile
      }
      return chunk.status();
    }
    if (request.selection != nullptr && !request.selection->Matches((*chunk)->at(*it))) {
      return WrongPostings(*it);
    }
    if (!page.Add((*chunk)->at(*it), *chunk)) {
      Keep(std::move(key), std::move(sequences));
      return page.Finish(*it - 1);
    }
  }
  return page.Finish(std::max(until, request.after));
}

std::shared_ptr<const LastPerTopicReader::Sequences> LastPerTopicReader::Lookup(std::string_view key) {
  const std::lock_guard lock(mutex_);
  const auto it =
      std::find_if(snapshots_.begin(), snapshots_.end(), [&](const Snapshot& kept) { return kept.key == key; });
  return it == snapshots_.end() ? nullptr : it->sequences;
}

void LastPerTopicReader::Keep(std::string key, std::shared_ptr<const Sequences> sequences) {
  const std::lock_guard lock(mutex_);
  const auto is_same = [&](const Snapshot& kept) { return kept.key == key; };
  if (sequences->size() > kSnapshotSequencesMax || std::any_of(snapshots_.begin(), snapshots_.end(), is_same)) {
    return;
  }
  if (snapshots_.size() == kSnapshotsMax) {
    snapshots_.pop_front();
  }
  snapshots_.push_back({std::move(key), std::move(sequences)});
}

}  // namespace weir::log
