// A stretch of the tail: a few hundred events of one schema, in log order.
//
// One thread (the upstream's) appends; any thread reads at the same time. The idea: an event is written once into a
// place that no reader looks at yet, and then the size is raised; a rendered frame is set once by whoever comes first.
// So readers need no lock. When the segment is full it is sealed: it gets no more events, and whoever first looks for a
// topic makes its index. Shared by pointer; a reader that holds one may read on after the tail has dropped it.
#ifndef WEIR_EDGE_SEGMENT_H_
#define WEIR_EDGE_SEGMENT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/event_view.h"
#include "edge/event_names.h"
#include "edge/render/presentation.h"

namespace weir::edge {

// An event rendered for one presentation: one SSE block or WebSocket frame, behind the object itself, so that it is one
// allocation.
class Frame {
 public:
  // No bytes: the event cannot be rendered. `name`: of EventNames.
  static const Frame* Make(std::string_view bytes, uint16_t name) {
    return new (Behind{bytes.size()}) Frame(bytes, name);
  }
  static void operator delete(void* frame) { ::operator delete(frame); }

  bool renderable() const { return size_ > 0; }
  std::string_view bytes() const { return {reinterpret_cast<const char*>(this + 1), size_}; }
  uint16_t name() const { return name_; }

 private:
  struct Behind {
    size_t bytes;
  };
  static void* operator new(size_t object, Behind behind) { return ::operator new(object + behind.bytes); }
  static void operator delete(void* frame, Behind) { ::operator delete(frame); }  // when the constructor throws
  Frame(std::string_view bytes, uint16_t name) : size_(static_cast<uint32_t>(bytes.size())), name_(name) {
    bytes.copy(reinterpret_cast<char*>(this + 1), bytes.size());
  }

  const uint32_t size_;
  const uint16_t name_;
};

// Whether any of the (valid) filters matches.
bool MatchesAny(const std::vector<std::string>& filters, std::string_view topic);

class Segment {
 public:
  // `ordinal` counts the tail's segments. `presentations`: how many distinct ones the edge has.
  Segment(uint64_t ordinal, std::shared_ptr<const Schema> schema, uint32_t events_max, uint32_t presentations);
  ~Segment();
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;

  // --- The appending thread.
  // Keeps bytes alive that events will refer to. Segments may share them, so each counts only its own events' part.
  void Keep(std::shared_ptr<const std::string> bytes);
  // `event` refers to kept bytes, `bytes` of them; its sequence is above all before. Not when full or sealed.
  void Append(const EventView& event, size_t bytes);
  void Seal();
  bool full() const { return size() == events_max_; }

  // Memory of one event's places.
  static uint64_t PlaceBytes(uint32_t presentations) {
    return sizeof(EventView) + presentations * sizeof(std::atomic<const Frame*>);
  }

  // --- Any thread.
  uint64_t ordinal() const { return ordinal_; }
  const std::shared_ptr<const Schema>& schema() const { return schema_; }
  // A sealed segment's size is final: ask this first.
  bool sealed() const { return sealed_.load(std::memory_order_acquire); }
  uint32_t size() const { return size_.load(std::memory_order_acquire); }
  // Below size().
  const EventView& event(uint32_t position) const { return events_[position]; }
  // The position of the first event after `sequence`; size() when there is none.
  uint32_t FirstAfter(uint64_t sequence) const;
  // The first position in [from, end) whose topic matches a filter; `end` when there is none.
  uint32_t NextMatch(uint32_t from, uint32_t end, const std::vector<std::string>& filters) const;
  // The event's frame, rendered now if nobody did before: `rendered` says so. Lives as long as the segment.
  const Frame& FrameOf(uint32_t position, uint32_t presentation_index, const Presentation& presentation,
                       EventNames& names, bool& rendered) const;
  // Memory of events, index and the frames rendered so far.
  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  struct TopicIndex;
  const TopicIndex& IndexOf() const;

  const uint64_t ordinal_;
  const std::shared_ptr<const Schema> schema_;
  const uint32_t events_max_;
  const uint32_t presentations_;
  std::vector<std::shared_ptr<const std::string>> kept_;
  std::unique_ptr<EventView[]> events_;
  std::unique_ptr<std::atomic<const Frame*>[]> frames_;  // by position, then presentation
  mutable std::atomic<const TopicIndex*> index_ = nullptr;
  std::atomic<uint32_t> size_ = 0;
  std::atomic<bool> sealed_ = false;
  mutable std::atomic<uint64_t> bytes_ = 0;
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_SEGMENT_H_
