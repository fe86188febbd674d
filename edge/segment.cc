#include "edge/segment.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "base/filter.h"
#include "base/text.h"

namespace weir::edge {
namespace {

// What an index entry costs beside its positions, roughly.
constexpr uint64_t kIndexEntryBytes = 64;
constexpr size_t kScratchMax = 64 * 1024;

const Frame* Render(const EventView& event, const Schema& schema, const Presentation& presentation, EventNames& names) {
  thread_local std::string bytes;  // the memory of one thread's last frame, unless that was large
  bytes.clear();
  const bool ok = presentation.AppendFrame(event, schema, bytes).ok();
  const Frame* frame = Frame::Make(bytes, ok ? names.Number(schema.EventName(event.type_name())) : 0);
  if (bytes.capacity() > kScratchMax) {
    bytes = std::string();
  }
  return frame;
}

}  // namespace

// The positions of a topic are positions[begin] to positions[end - 1].
struct Segment::TopicIndex {
  struct Range {
    uint32_t begin = 0;
    uint32_t end = 0;
  };

  TopicIndex(const EventView* events, uint32_t size) : positions(size) {
    for (uint32_t i = 0; i < size; ++i) {
      ++topics[events[i].topic].end;
    }
    uint32_t begin = 0;
    for (auto& [topic, range] : topics) {
      const uint32_t count = std::exchange(range.end, begin);
      range.begin = begin;
      begin += count;
    }
    for (uint32_t i = 0; i < size; ++i) {
      positions[topics.find(events[i].topic)->second.end++] = i;
    }
  }

  uint64_t bytes() const { return topics.size() * kIndexEntryBytes + positions.size() * sizeof(uint32_t); }

  absl::flat_hash_map<std::string_view, Range, TextHash> topics;
  std::vector<uint32_t> positions;
};

bool MatchesAny(const std::vector<std::string>& filters, std::string_view topic) {
  return std::any_of(filters.begin(), filters.end(),
                     [topic](const std::string& filter) { return FilterMatches(filter, topic); });
}

Segment::Segment(uint64_t ordinal, std::shared_ptr<const Schema> schema, uint32_t events_max, uint32_t presentations)
    : ordinal_(ordinal),
      schema_(std::move(schema)),
      events_max_(events_max),
      presentations_(presentations),
      events_(std::make_unique<EventView[]>(events_max)),
      frames_(std::make_unique<std::atomic<const Frame*>[]>(size_t{events_max} * presentations)) {
  bytes_ = events_max * PlaceBytes(presentations);
}

Segment::~Segment() {
  for (size_t i = 0; i < size_t{size()} * presentations_; ++i) {
    delete frames_[i].load(std::memory_order_relaxed);
  }
  delete index_.load(std::memory_order_relaxed);
}

void Segment::Keep(std::shared_ptr<const std::string> bytes) { kept_.push_back(std::move(bytes)); }

void Segment::Append(const EventView& event, size_t bytes) {
  bytes_.fetch_add(bytes, std::memory_order_relaxed);
  const uint32_t size = size_.load(std::memory_order_relaxed);
  events_[size] = event;
  size_.store(size + 1, std::memory_order_release);
}

void Segment::Seal() { sealed_.store(true, std::memory_order_release); }

const Segment::TopicIndex& Segment::IndexOf() const {
  const TopicIndex* index = index_.load(std::memory_order_acquire);
  if (index != nullptr) {
    return *index;
  }
  auto made = std::make_unique<const TopicIndex>(events_.get(), size());
  if (!index_.compare_exchange_strong(index, made.get(), std::memory_order_acq_rel)) {
    return *index;  // another thread's, which is the same
  }
  bytes_.fetch_add(made->bytes(), std::memory_order_relaxed);
  return *made.release();
}

uint32_t Segment::FirstAfter(uint64_t sequence) const {
  const uint32_t end = size();
  const EventView* first = events_.get();
  const EventView* found = std::upper_bound(
      first, first + end, sequence, [](uint64_t value, const EventView& event) { return value < event.sequence; });
  return static_cast<uint32_t>(found - first);
}

uint32_t Segment::NextMatch(uint32_t from, uint32_t end, const std::vector<std::string>& filters) const {
  const bool exact = std::none_of(filters.begin(), filters.end(), [](const auto& f) { return HasWildcard(f); });
  if (!exact || !sealed()) {
    while (from < end && !MatchesAny(filters, events_[from].topic)) {
      ++from;
    }
    return from;
  }
  const TopicIndex& index = IndexOf();
  uint32_t nearest = end;
  for (const std::string& topic : filters) {
    const auto it = index.topics.find(std::string_view(topic));
    if (it == index.topics.end()) {
      continue;
    }
    const auto last = index.positions.begin() + it->second.end;
    const auto next = std::lower_bound(index.positions.begin() + it->second.begin, last, from);
    if (next != last) {
      nearest = std::min(nearest, *next);
    }
  }
  return nearest;
}

const Frame& Segment::FrameOf(uint32_t position, uint32_t presentation_index, const Presentation& presentation,
                              EventNames& names, bool& rendered) const {
  std::atomic<const Frame*>& place = frames_[size_t{position} * presentations_ + presentation_index];
  const Frame* frame = place.load(std::memory_order_acquire);
  rendered = frame == nullptr;
  if (!rendered) {
    return *frame;
  }
  const Frame* made = Render(events_[position], *schema_, presentation, names);
  if (place.compare_exchange_strong(frame, made, std::memory_order_acq_rel)) {
    bytes_.fetch_add(sizeof(Frame) + made->bytes().size(), std::memory_order_relaxed);
    return *made;
  }
  delete made;
  return *frame;
}

}  // namespace weir::edge
