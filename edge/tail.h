// The tail: the newest events of the log that any route can show, in memory, shared by all hubs.
//
// It is the hand-over between threads and the replay buffer at once: the upstream thread appends, each hub is a reader
// with a place of its own, and so is each session that fell behind. Nobody has a queue.
//
// Coverage: every matching event with covered_after < sequence ≤ head is here. The oldest segments are dropped when the
// memory exceeds bytes_max, give or take one batch (frames and indexes that readers made since count with the next
// one); a reader that was slower than that is told (kGone) and goes to the server's history.
//
// A tail that cannot be continued (another epoch, or events lost to retention) is reset: it begins a new generation,
// and every reader of an older one has to be told of a gap.
//
// Threads: the methods of the appending side are called by one thread at a time; the others by any. The lock is taken
// per batch and per segment, never per event.
#ifndef WEIR_EDGE_TAIL_H_
#define WEIR_EDGE_TAIL_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/cursor.h"
#include "edge/gap.h"
#include "edge/segment.h"

namespace weir::edge {

struct TailOptions {
  uint64_t bytes_max = 64 * 1024 * 1024;
  // How many distinct presentations the routes have; see SetPresentations.
  uint32_t presentations = 1;
};

struct TailState {
  uint32_t generation = 0;  // 0: nothing is known of the log yet
  bool ready = false;       // filled once; stays true
  Epoch epoch;
  uint64_t covered_after = 0;
  uint64_t head = 0;
  // Of the present generation: where it began, and why the one before ended.
  uint64_t began_after = 0;
  GapReason began_because = GapReason::kOtherEpoch;
  // Whether the server feeds it just now, and since when that is so.
  bool upstream_connected = false;
  absl::Time upstream_since = absl::InfinitePast();
};

class Tail;

// A place in the tail. One thread. The tail must outlive it.
class TailReader {
 public:
  enum class Step {
    kEvent,  // segment() and position() say which
    kEnd,    // nothing more (yet), or nothing up to the limit
    kGone,   // the tail was trimmed beyond this place, or reset
  };

  // A reader that is always gone.
  TailReader() = default;

  // Goes on to the next event with a sequence ≤ `up_to` whose topic matches one of `filters` (null: any).
  Step Next(uint64_t up_to = UINT64_MAX, const std::vector<std::string>* filters = nullptr);

  const Segment& segment() const { return *segment_; }
  uint32_t position() const { return next_ - 1; }
  const EventView& event() const { return segment_->event(position()); }

 private:
  friend class Tail;
  TailReader(const Tail* tail, uint32_t generation, uint64_t after)
      : tail_(tail), generation_(generation), after_(after) {}

  const Tail* tail_ = nullptr;
  uint32_t generation_ = 0;
  uint64_t after_ = 0;  // until segment_ is known
  std::shared_ptr<const Segment> segment_;
  uint32_t next_ = 0;
};

class Tail {
 public:
  explicit Tail(TailOptions options);

  // Called by the appending thread whenever there is something new. Before the first Reset; must not block.
  void AddListener(std::function<void()> listener);

  // --- The appending side.
  // Begins anew after `after`. The first call begins the tail, and nobody is told of a gap.
  void Reset(const Cursor& after, GapReason reason);
  // The schema of the events appended from now on. Before the first Append.
  void SetSchema(std::shared_ptr<const Schema> schema);
  // How many presentations there are places for in what is appended from now on.
  void SetPresentations(uint32_t presentations);
  // Appends the events of an EventBatch's wire bytes; those at or before the head are skipped. Events of another epoch
  // reset the tail. DATA_LOSS: the bytes are malformed; what came before the fault is appended.
  absl::Status Append(std::shared_ptr<const std::string> batch);
  // Everything up to `head` has been appended.
  void Progress(const Cursor& head);
  // The first fill is complete.
  void SetReady();
  // The connection to the server came or went.
  void SetUpstream(bool connected, absl::Time since);

  // --- Any thread.
  TailState state() const;
  // A reader of the events after `sequence` in that generation.
  TailReader ReaderAfter(uint32_t generation, uint64_t sequence) const { return {this, generation, sequence}; }
  EventNames& names() const { return names_; }
  uint64_t bytes() const;
  uint64_t events() const;

 private:
  friend class TailReader;
  struct Found {
    std::shared_ptr<const Segment> segment;  // null: none yet
    bool gone = false;
  };

  Found FindAfter(uint32_t generation, uint64_t sequence) const;
  Found FindNext(uint32_t generation, uint64_t ordinal) const;
  Segment& Active();
  // `view` refers to `event_bytes` of `bytes`.
  void AppendEvent(const std::shared_ptr<const std::string>& bytes, size_t event_bytes, const EventView& view,
                   const Epoch& epoch);
  void Seal();
  void Trim() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PublishHead();
  void Notify() const;

  TailOptions options_;      // what can change is of the appending side
  uint32_t segment_events_;  // of the appending side
  std::vector<std::function<void()>> listeners_;
  mutable EventNames names_;

  // Of the appending side.
  std::shared_ptr<const Schema> schema_;
  std::shared_ptr<Segment> active_;    // null: the next event begins a segment
  const std::string* kept_ = nullptr;  // the last bytes that active_ keeps
  uint64_t next_ordinal_ = 0;
  Epoch epoch_;
  uint64_t head_ = 0;

  mutable std::mutex mutex_;
  TailState state_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::shared_ptr<Segment>> segments_ ABSL_GUARDED_BY(mutex_);  // consecutive ordinals
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_TAIL_H_
