// The segments of a log on disk as they are right now: shared by the engine, its readers and its maintenance.
#ifndef WEIR_LOG_SEGMENT_TABLE_H_
#define WEIR_LOG_SEGMENT_TABLE_H_

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "log/segment.h"
#include "log/segment_index.h"
#include "log/sequencer.h"

namespace weir::log {

// Segments that have ended. Const once it is shared: a change makes a new one.
struct SealedSegments {
  std::vector<SegmentInfo> infos;
  // One for each info: null when the postings are on disk.
  std::vector<std::shared_ptr<const SegmentIndex>> indexes;
};

// Any thread.
class SegmentTable {
 public:
  // What a reader begins with.
  struct Snapshot {
    uint64_t head = 0;
    std::shared_ptr<const SealedSegments> sealed;
    SegmentInfo active;  // may be empty
    std::shared_ptr<const SegmentIndex> active_index;
  };

  struct Totals {
    uint64_t earliest = 1;
    uint64_t head = 0;
    uint64_t bytes = 0;
  };

  // A segment whose postings have to be written.
  struct Unindexed {
    SegmentInfo info;
    std::shared_ptr<const SegmentIndex> index;
  };

  // A log that is being opened.
  SegmentTable(SealedSegments sealed, const SegmentInfo& active, std::shared_ptr<SegmentIndex> active_index,
               const Totals& totals);

  Snapshot snapshot() const;
  Totals totals() const;
  // Without the lock, for readers that check it often.
  uint64_t earliest() const { return earliest_.load(std::memory_order_acquire); }

  // Makes appended chunks visible, all at once. Closes the active segment before each chunk that begins another.
  void Append(const std::vector<Sequencer::Piece>& pieces);
  // Ends the active segment, unless it is empty.
  void CloseActive();
  // Removes the sealed segments before `earliest`, which is the first of another, or head + 1.
  void DropBefore(uint64_t earliest);

  // Waits for a segment to index, the oldest first. Its index is null after Stop.
  Unindexed WaitForUnindexed() const;
  // The postings of the segment are on disk now.
  void MarkIndexed(uint64_t segment_first);
  // Waits until at most `count_max` segments have to be indexed, or Stop.
  void WaitForRoom(size_t count_max) const;
  // Nobody indexes any more: nobody waits any more.
  void Stop();

  // Calls `use` while nobody writes the active segment's index.
  void WithActiveIndex(absl::FunctionRef<void()> use) const;

 private:
  void CloseActiveLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;  // unindexed_ or stopped_
  std::shared_ptr<const SealedSegments> sealed_ ABSL_GUARDED_BY(mutex_);
  SegmentInfo active_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<SegmentIndex> active_index_ ABSL_GUARDED_BY(mutex_);
  uint64_t head_ ABSL_GUARDED_BY(mutex_);
  uint64_t bytes_ ABSL_GUARDED_BY(mutex_);
  size_t unindexed_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::atomic<uint64_t> earliest_;
};

}  // namespace weir::log

#endif  // WEIR_LOG_SEGMENT_TABLE_H_
