#include "edge/tail.h"

#include <algorithm>
#include <utility>

#include "base/event_view.h"
#include "weir/v1/event.pb.h"

namespace weir::edge {
namespace {

// Segments are sealed early so that trimming never drops more than this part of the tail at once.
constexpr uint64_t kSegmentsMin = 16;
constexpr uint64_t kSegmentEventsMin = 16;
constexpr uint64_t kSegmentEventsMax = 512;

// So many that the places for events take at most a quarter of a segment's bytes.
uint32_t SegmentEvents(const TailOptions& options) {
  const uint64_t events = options.bytes_max / kSegmentsMin / 4 / Segment::PlaceBytes(options.presentations);
  return static_cast<uint32_t>(std::clamp(events, kSegmentEventsMin, kSegmentEventsMax));
}

}  // namespace

TailReader::Step TailReader::Next(uint64_t up_to, const std::vector<std::string>* filters) {
  if (tail_ == nullptr) {
    return Step::kGone;
  }
  while (true) {
    if (segment_ == nullptr) {
      Tail::Found found = tail_->FindAfter(generation_, after_);
      if (found.gone) {
        return Step::kGone;
      }
      if (found.segment == nullptr) {
        return Step::kEnd;
      }
      segment_ = std::move(found.segment);
      next_ = segment_->FirstAfter(after_);
    }
    const bool sealed = segment_->sealed();
    const uint32_t end = segment_->size();
    const uint32_t at = filters == nullptr ? next_ : segment_->NextMatch(next_, end, *filters);
    if (at < end) {
      if (segment_->event(at).sequence > up_to) {
        return Step::kEnd;
      }
      next_ = at + 1;
      return Step::kEvent;
    }
    if (!sealed) {
      // The events that do not match are passed for good only if they are within the limit.
      while (next_ < end && segment_->event(next_).sequence <= up_to) {
        ++next_;
      }
      return Step::kEnd;
    }
    Tail::Found found = tail_->FindNext(generation_, segment_->ordinal());
    if (found.gone) {
      return Step::kGone;
    }
    if (found.segment == nullptr) {
      return Step::kEnd;
    }
    segment_ = std::move(found.segment);
    next_ = 0;
  }
}

Tail::Tail(TailOptions options) : options_(options), segment_events_(SegmentEvents(options)) {}

void Tail::AddListener(std::function<void()> listener) { listeners_.push_back(std::move(listener)); }

void Tail::Reset(const Cursor& after, GapReason reason) {
  active_ = nullptr;
  epoch_ = after.epoch;
  head_ = after.sequence;
  std::deque<std::shared_ptr<Segment>> dropped;  // freed after the lock is released
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    dropped.swap(segments_);
    ++state_.generation;
    state_.epoch = after.epoch;
    state_.covered_after = state_.head = state_.began_after = after.sequence;
    state_.began_because = reason;
  }
  Notify();
}

void Tail::SetSchema(std::shared_ptr<const Schema> schema) {
  Seal();
  schema_ = std::move(schema);
}

void Tail::SetPresentations(uint32_t presentations) {
  Seal();
  options_.presentations = presentations;
  segment_events_ = SegmentEvents(options_);
}

absl::Status Tail::Append(std::shared_ptr<const std::string> batch) {
  bool malformed = false;
  const bool well_formed = ForEachEvent(*batch, [&](std::string_view, std::string_view bytes) {
    EventView view;
    EventForm form = ReadEvent(bytes, view);
    std::shared_ptr<const std::string> holder = batch;
    if (form == EventForm::kOther) {
      v1::Event event;
      if (event.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
        auto rewritten = std::make_shared<std::string>(event.SerializeAsString());
        form = ReadEvent(*rewritten, view);
        holder = std::move(rewritten);
      }
    }
    const std::optional<Cursor> cursor = Cursor::Parse(view.cursor);
    if (form != EventForm::kCanonical || !cursor || cursor->sequence != view.sequence || view.sequence == 0) {
      malformed = true;
      return false;
    }
    AppendEvent(holder, bytes.size(), view, cursor->epoch);
    return true;
  });
  PublishHead();
  return well_formed && !malformed ? absl::OkStatus() : absl::DataLossError("a batch of events is malformed");
}

void Tail::AppendEvent(const std::shared_ptr<const std::string>& bytes, size_t event_bytes, const EventView& view,
                       const Epoch& epoch) {
  if (epoch != epoch_) {
    Reset({epoch, view.sequence - 1}, GapReason::kOtherEpoch);
  }
  if (view.sequence <= head_) {
    return;  // sent again after a reconnection
  }
  Segment& segment = Active();
  if (kept_ != bytes.get()) {
    kept_ = bytes.get();
    segment.Keep(bytes);
  }
  segment.Append(view, event_bytes);
  head_ = view.sequence;
  if (segment.size() == 1) {
    const std::lock_guard<std::mutex> lock(mutex_);
    segments_.push_back(active_);
  }
  if (segment.full() || segment.bytes() > options_.bytes_max / kSegmentsMin) {
    Seal();
  }
}

Segment& Tail::Active() {
  if (active_ == nullptr) {
    active_ = std::make_shared<Segment>(next_ordinal_++, schema_, segment_events_, options_.presentations);
    kept_ = nullptr;
  }
  return *active_;
}

void Tail::Seal() {
  if (active_ != nullptr) {
    active_->Seal();
    active_ = nullptr;
  }
}

void Tail::Progress(const Cursor& head) {
  if (head.epoch == epoch_) {
    head_ = std::max(head_, head.sequence);
    PublishHead();  // also where no event came: readers may have rendered what is there
  }
}

void Tail::SetReady() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    state_.ready = true;
  }
  Notify();
}

void Tail::SetUpstream(bool connected, absl::Time since) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    state_.upstream_connected = connected;
    state_.upstream_since = since;
  }
  Notify();
}

void Tail::PublishHead() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    state_.head = head_;
    Trim();
  }
  Notify();
}

void Tail::Trim() {
  uint64_t total = 0;
  for (const auto& segment : segments_) {
    total += segment->bytes();
  }
  while (total > options_.bytes_max && segments_.size() > 1) {
    const Segment& oldest = *segments_.front();
    total -= std::min(total, oldest.bytes());
    state_.covered_after = oldest.event(oldest.size() - 1).sequence;
    segments_.pop_front();
  }
}

void Tail::Notify() const {
  for (const auto& listener : listeners_) {
    listener();
  }
}

TailState Tail::state() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return state_;
}

uint64_t Tail::bytes() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  uint64_t total = 0;
  for (const auto& segment : segments_) {
    total += segment->bytes();
  }
  return total;
}

uint64_t Tail::events() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  uint64_t total = 0;
  for (const auto& segment : segments_) {
    total += segment->size();
  }
  return total;
}

Tail::Found Tail::FindAfter(uint32_t generation, uint64_t sequence) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (generation != state_.generation || sequence < state_.covered_after) {
    return {nullptr, true};
  }
  // The first segment whose newest event is after `sequence`, else the newest segment.
  const auto it = std::partition_point(segments_.begin(), segments_.end(), [sequence](const auto& segment) {
    return segment->event(segment->size() - 1).sequence <= sequence;
  });
  if (it != segments_.end()) {
    return {*it, false};
  }
  return {segments_.empty() ? nullptr : segments_.back(), false};
}

Tail::Found Tail::FindNext(uint32_t generation, uint64_t ordinal) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (generation != state_.generation) {
    return {nullptr, true};
  }
  if (segments_.empty()) {
    return {nullptr, true};
  }
  const uint64_t first = segments_.front()->ordinal();
  if (ordinal + 1 < first) {
    return {nullptr, true};
  }
  const uint64_t index = ordinal + 1 - first;
  return {index < segments_.size() ? segments_[index] : nullptr, false};
}

}  // namespace weir::edge
