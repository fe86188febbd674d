// Reading, for every engine: how a page of events comes out of segments, their indexes and their chunks.
//
// Few exact topics are looked up in the segments' indexes. Wildcards, and everything, are a bounded scan over chunks.
// The newest event of each topic comes from the indexes alone, newest segment first.
#ifndef WEIR_LOG_PAGE_READER_H_
#define WEIR_LOG_PAGE_READER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "log/chunk.h"
#include "log/log_engine.h"
#include "log/segment.h"
#include "log/segment_index.h"

namespace weir::log {

// A log as one reader sees it for the length of one call. One thread.
class LogView {
 public:
  virtual ~LogView() = default;

  // As they were when the view was made: events beyond this head are never asked for.
  virtual uint64_t head() const = 0;

  // The first retained sequence at this moment. What lies before may be gone at any time.
  virtual uint64_t earliest() const = 0;

  // Oldest first, none empty; the last one may be the one that is being written.
  virtual std::span<const SegmentInfo> segments() const = 0;

  // The chunk that holds the sequence. DATA_LOSS when it is not there. Cheap for chunks next to the last one.
  virtual absl::StatusOr<ChunkPtr> ChunkAt(uint64_t sequence) = 0;

  // The same for who wants this event and few others near it: what comes holds it, and perhaps nothing else.
  virtual absl::StatusOr<ChunkPtr> EventAt(uint64_t sequence) { return ChunkAt(sequence); }

  // Calls `use` with the topic's postings if there are any. The segment may have events beyond head().
  virtual absl::Status WithPostings(size_t segment, std::string_view topic,
                                    absl::FunctionRef<void(const TopicPostings&)> use) = 0;
  virtual absl::Status ForEachTopic(size_t segment,
                                    absl::FunctionRef<void(std::string_view topic, const TopicPostings&)> use) = 0;
};

// LogEngine::Read and SequenceBefore. `scan_events_max` bounds what one call looks at.
absl::StatusOr<Page> ReadPage(LogView& view, const ReadRequest& request, size_t scan_events_max);
absl::StatusOr<uint64_t> FindSequenceBefore(LogView& view, absl::Time time);

// LogEngine::ReadLastPerTopic, with the snapshots that are being paged through. Any thread.
class LastPerTopicReader {
 public:
  absl::StatusOr<Page> Read(LogView& view, const ReadRequest& request);

 private:
  using Sequences = std::vector<uint64_t>;  // ascending

  // Of `selection` up to `until`, whatever `after` is: the same for every page.
  struct Snapshot {
    std::string key;
    std::shared_ptr<const Sequences> sequences;
  };
  static constexpr size_t kSnapshotsMax = 4;
  static constexpr size_t kSnapshotSequencesMax = 1 << 20;

  std::shared_ptr<const Sequences> Lookup(std::string_view key);
  void Keep(std::string key, std::shared_ptr<const Sequences> sequences);

  std::mutex mutex_;
  std::deque<Snapshot> snapshots_ ABSL_GUARDED_BY(mutex_);  // the oldest is dropped
};

}  // namespace weir::log

#endif  // WEIR_LOG_PAGE_READER_H_
