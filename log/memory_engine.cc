#include "log/memory_engine.h"

#include <algorithm>
#include <cassert>
#include <deque>
#include <mutex>
#include <shared_mutex>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "fmt/format.h"
#include "log/fingerprint.h"
#include "log/page_reader.h"
#include "log/segment.h"
#include "log/segment_index.h"
#include "log/sequencer.h"

namespace weir::log {
namespace {

struct MemorySegment {
  std::vector<ChunkPtr> chunks;
  SegmentIndex index;
};

// The segments' infos lie apart from their content, so that they are one span.
struct MemorySegments {
  uint64_t head = 0;
  uint64_t bytes = 0;
  std::vector<SegmentInfo> infos;
  std::deque<MemorySegment> contents;

  uint64_t earliest() const { return infos.empty() ? head + 1 : infos.front().first; }

  void Add(const Sequencer::Piece& piece) {
    if (piece.begins_segment) {
      infos.emplace_back();
      contents.emplace_back();
    }
    infos.back().Add(*piece.chunk);
    contents.back().index.Add(*piece.chunk, infos.back().first);
    contents.back().chunks.push_back(piece.chunk);
    head = piece.chunk->last_sequence();
    bytes += piece.chunk->bytes().size();
  }

  void DropOldest(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      bytes -= infos[i].bytes;
      contents.pop_front();
    }
    infos.erase(infos.begin(), infos.begin() + static_cast<std::ptrdiff_t>(count));
  }

  ChunkPtr ChunkAt(uint64_t sequence) const {
    if (sequence < earliest() || sequence > head) {
      return nullptr;
    }
    const auto info = std::lower_bound(infos.begin(), infos.end(), sequence,
                                       [](const SegmentInfo& each, uint64_t wanted) { return each.last < wanted; });
    const std::vector<ChunkPtr>& chunks = contents[static_cast<size_t>(info - infos.begin())].chunks;
    return *std::lower_bound(chunks.begin(), chunks.end(), sequence,
                             [](const ChunkPtr& each, uint64_t wanted) { return each->last_sequence() < wanted; });
  }
};

class MemoryView : public LogView {
 public:
  explicit MemoryView(const MemorySegments& segments) : segments_(segments) {}

  uint64_t head() const override { return segments_.head; }
  uint64_t earliest() const override { return segments_.earliest(); }
  std::span<const SegmentInfo> segments() const override { return segments_.infos; }

  absl::StatusOr<ChunkPtr> ChunkAt(uint64_t sequence) override {
    ChunkPtr chunk = segments_.ChunkAt(sequence);
    if (chunk == nullptr) {
      return absl::DataLossError(fmt::format("the log has no event {}", sequence));
    }
    return chunk;
  }

  absl::Status WithPostings(size_t segment, std::string_view topic,
                            absl::FunctionRef<void(const TopicPostings&)> use) override {
    if (const TopicPostings* postings = segments_.contents[segment].index.Find(topic); postings != nullptr) {
      use(*postings);
    }
    return absl::OkStatus();
  }

  absl::Status ForEachTopic(size_t segment,
                            absl::FunctionRef<void(std::string_view, const TopicPostings&)> use) override {
    for (const auto& [topic, postings] : segments_.contents[segment].index.topics()) {
      use(topic, postings);
    }
    return absl::OkStatus();
  }

 private:
  const MemorySegments& segments_;
};

// A std::shared_mutex that readers without pause cannot keep from the writer: while one waits, new readers wait too.
class FairSharedMutex {
 public:
  void lock() {
    const std::lock_guard turnstile(turnstile_);
    mutex_.lock();
  }
  void unlock() { mutex_.unlock(); }
  void lock_shared() {
    const std::lock_guard turnstile(turnstile_);
    mutex_.lock_shared();
  }
  void unlock_shared() { mutex_.unlock_shared(); }

 private:
  std::mutex turnstile_;
  std::shared_mutex mutex_;
};

// Readers hold the lock for the length of a page, which is bounded; writers only to publish what they have prepared.
class MemoryEngine : public LogEngine {
 public:
  MemoryEngine(MemoryOptions options, const LogState& state)
      : options_(std::move(options)),
        epoch_(state.epoch),
        sequencer_(options_.log, state, IdempotenceWindow(options_.log.idempotence_events_max)) {}

  absl::StatusOr<std::vector<AppendResult>> Append(std::span<const NewEvent> events) override {
    const std::lock_guard write_lock(write_mutex_);
    // Only writers change segments_, and this is the only one: reading it here needs no lock.
    const auto read = [&](uint64_t sequence) -> absl::StatusOr<ChunkPtr> { return segments_.ChunkAt(sequence); };
    absl::StatusOr<Sequencer::Batch> batch = sequencer_.Prepare(events, read);
    if (!batch.ok()) {
      return batch.status();
    }
    std::vector<ChunkPtr> chunks;
    chunks.reserve(batch->pieces.size());
    {
      const std::lock_guard lock(mutex_);
      for (Sequencer::Piece& piece : batch->pieces) {
        segments_.Add(piece);
        chunks.push_back(std::move(piece.chunk));
      }
    }
    if (observer_ && !chunks.empty()) {
      observer_(chunks);
    }
    return std::move(batch->results);
  }

  absl::StatusOr<Page> Read(const ReadRequest& request) const override {
    const std::shared_lock lock(mutex_);
    MemoryView view(segments_);
    return ReadPage(view, request, options_.log.scan_events_max);
  }

  absl::StatusOr<Page> ReadLastPerTopic(const ReadRequest& request) const override {
    const std::shared_lock lock(mutex_);
    MemoryView view(segments_);
    return last_per_topic_.Read(view, request);
  }

  absl::StatusOr<uint64_t> SequenceBefore(absl::Time time) const override {
    const std::shared_lock lock(mutex_);
    MemoryView view(segments_);
    return FindSequenceBefore(view, time);
  }

  Bounds bounds() const override {
    const std::shared_lock lock(mutex_);
    return {epoch_, segments_.earliest(), segments_.head, segments_.bytes};
  }

  absl::Status health() const override { return absl::OkStatus(); }

  absl::Status Trim(const TrimPolicy& policy) override {
    const std::lock_guard write_lock(write_mutex_);
    const std::lock_guard lock(mutex_);
    const absl::Time now = options_.log.clock();
    if (!segments_.infos.empty() && ShouldClose(segments_.infos.back(), policy, now)) {
      sequencer_.CloseSegment();
    }
    const size_t count = SegmentsToDrop(segments_.infos, policy, now);
    if (count > 0 && count == segments_.infos.size()) {
      sequencer_.CloseSegment();
    }
    segments_.DropOldest(count);
    return absl::OkStatus();
  }

  uint64_t TrimPoint(const TrimPolicy& policy) const override {
    const std::shared_lock lock(mutex_);
    const size_t count = SegmentsToDrop(segments_.infos, policy, options_.log.clock());
    return count == 0 ? segments_.earliest() : segments_.infos[count - 1].last + 1;
  }

  void SetObserver(Observer observer) override { observer_ = std::move(observer); }

  std::string_view name() const override { return "memory"; }

 private:
  const MemoryOptions options_;
  const Epoch epoch_;
  Observer observer_;

  // Held by Append and Trim for all their work, before mutex_.
  std::mutex write_mutex_;
  Sequencer sequencer_ ABSL_GUARDED_BY(write_mutex_);

  mutable FairSharedMutex mutex_;
  MemorySegments segments_ ABSL_GUARDED_BY(mutex_);
  mutable LastPerTopicReader last_per_topic_;
};

}  // namespace

std::unique_ptr<LogEngine> MakeMemoryLog(MemoryOptions options) {
  LogState state;
  state.key = FingerprintKey::Random();
  state.epoch = Epoch::FromBits(FingerprintKey::Random().words[0]);
  return std::make_unique<MemoryEngine>(std::move(options), state);
}

}  // namespace weir::log
