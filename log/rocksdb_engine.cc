#include "log/rocksdb_engine.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <filesystem>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/text.h"
#include "fmt/format.h"
#include "log/log_directory.h"
#include "log/page_reader.h"
#include "log/preflight.h"
#include "log/rocksdb_format.h"
#include "log/rocksdb_recovery.h"
#include "log/rocksdb_snapshot.h"
#include "log/rocksdb_store.h"
#include "log/rocksdb_view.h"
#include "log/segment_table.h"
#include "log/sequencer.h"

namespace weir::log {
namespace {

// Segments that may wait for their postings, with their index in memory. Then Append waits.
constexpr size_t kUnindexedSegmentsMax = 4;

// Opening a log writes a little, besides what is in its write-ahead log.
constexpr uint64_t kOpenBytesMin = 16 << 20;

// Why nothing can be written any more; the first reason stays. Any thread.
class Poison {
 public:
  absl::Status Set(const absl::Status& why) {
    const std::lock_guard lock(mutex_);
    if (status_.ok()) {
      status_ = absl::UnavailableError(
          fmt::format("the log takes nothing until it is opened again, because its state on disk is unknown: {}",
                      std::string_view(why.message().data(), why.message().size())));
    }
    return status_;
  }
  absl::Status status() const {
    const std::lock_guard lock(mutex_);
    return status_;
  }

 private:
  mutable std::mutex mutex_;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

// Three kinds of threads: the one that appends, readers, and one of its own that indexes closed segments. Locks, in
// this order: write_mutex_ (what changes the end of the log), maintenance_mutex_ (what changes segments that have
// ended); the table's own comes last.
class RocksDbEngine : public LogEngine {
 public:
  RocksDbEngine(RocksDbOptions options, std::shared_ptr<Poison> poison, std::unique_ptr<RocksDbStore> store,
                RecoveredLog recovered)
      : options_(std::move(options)),
        epoch_(recovered.state.epoch),
        poison_(std::move(poison)),
        store_(std::move(store)),
        table_(std::move(recovered.sealed), recovered.state.active, std::move(recovered.active_index),
               recovered.totals),
        sequencer_(options_.log, recovered.state, std::move(recovered.window)),
        indexer_([this] { IndexClosedSegments(); }) {}

  ~RocksDbEngine() override {
    table_.Stop();
    indexer_.join();
    if (poison_->status().ok() && store_->Sync().ok()) {
      rocksdb::WriteBatch batch;
      batch.Put(store_->facts(), SliceOf(format::kStateKey), SliceOf(format::kStateClean));
      // With everything in tables the write-ahead log holds nothing that could be lost while the log is closed.
      if (store_->Write(batch, /*sync=*/true).ok()) {
        store_->Flush().IgnoreError();
      }
    }
  }

  absl::StatusOr<std::vector<AppendResult>> Append(std::span<const NewEvent> events) override {
    const std::lock_guard write_lock(write_mutex_);
    table_.WaitForRoom(kUnindexedSegmentsMax);
    if (absl::Status status = CheckWritable(); !status.ok()) {
      return status;
    }
    std::optional<RocksDbView> view;
    const auto read = [&](uint64_t sequence) -> absl::StatusOr<ChunkPtr> {
      if (sequence < table_.earliest()) {
        return nullptr;
      }
      if (!view.has_value()) {
        view.emplace(*store_, table_, epoch_);
      }
      absl::StatusOr<ChunkPtr> chunk = view->ChunkAt(sequence);
      return !chunk.ok() && sequence < table_.earliest() ? nullptr : std::move(chunk);
    };
    absl::StatusOr<Sequencer::Batch> batch = sequencer_.Prepare(events, read);
    if (!batch.ok()) {
      return poison_->Set(batch.status());
    }
    if (batch->pieces.empty()) {
      return std::move(batch->results);
    }
    if (absl::Status status = Store(*batch); !status.ok()) {
      return poison_->Set(status);
    }
    table_.Append(batch->pieces);
    window_floor_.store(sequencer_.window_floor(), std::memory_order_relaxed);
    if (observer_) {
      std::vector<ChunkPtr> chunks;
      chunks.reserve(batch->pieces.size());
      for (Sequencer::Piece& piece : batch->pieces) {
        chunks.push_back(std::move(piece.chunk));
      }
      observer_(chunks);
    }
    return std::move(batch->results);
  }

  absl::StatusOr<Page> Read(const ReadRequest& request) const override {
    RocksDbView view(*store_, table_, epoch_);
    return ReadPage(view, request, options_.log.scan_events_max);
  }

  absl::StatusOr<Page> ReadLastPerTopic(const ReadRequest& request) const override {
    RocksDbView view(*store_, table_, epoch_);
    return last_per_topic_.Read(view, request);
  }

  absl::StatusOr<uint64_t> SequenceBefore(absl::Time time) const override {
    RocksDbView view(*store_, table_, epoch_);
    return FindSequenceBefore(view, time);
  }

  Bounds bounds() const override {
    const SegmentTable::Totals totals = table_.totals();
    return {epoch_, totals.earliest, totals.head, totals.bytes};
  }

  absl::Status health() const override { return poison_->status(); }

  absl::Status Trim(const TrimPolicy& policy) override {
    if (absl::Status status = poison_->status(); !status.ok()) {
      return status;
    }
    const absl::Time now = options_.log.clock();
    if (absl::Status status = CloseActiveFor(policy, now); !status.ok()) {
      return poison_->Set(status);
    }
    const std::lock_guard maintenance_lock(maintenance_mutex_);
    const SegmentTable::Snapshot snapshot = table_.snapshot();
    std::vector<SegmentInfo> segments = snapshot.sealed->infos;
    const size_t sealed = segments.size();
    segments.push_back(snapshot.active);  // counts, but is not removed
    segments.resize(std::min(SegmentsToDrop(segments, policy, now), sealed));
    // Events of those whose turn it was not yet to be indexed are not in tables yet.
    const auto& indexes = snapshot.sealed->indexes;
    const auto indexed = static_cast<size_t>(
        std::find_if(indexes.begin(), indexes.end(), [](const auto& index) { return index != nullptr; }) -
        indexes.begin());
    const bool flush = indexed < segments.size() && store_->HasRoomToFlush();
    if (!flush) {
      segments.resize(std::min(segments.size(), indexed));
    }
    absl::Status status;
    if (!segments.empty()) {
      status = Remove(segments, flush);
    } else if (!all_removed_) {
      status = RemoveEvents();
    }
    return status.ok() ? status : poison_->Set(status);
  }

  uint64_t TrimPoint(const TrimPolicy& policy) const override {
    const SegmentTable::Snapshot snapshot = table_.snapshot();
    std::vector<SegmentInfo> segments = snapshot.sealed->infos;
    const size_t sealed = segments.size();
    segments.push_back(snapshot.active);
    const size_t count = std::min(SegmentsToDrop(segments, policy, options_.log.clock()), sealed);
    return count == 0 ? table_.earliest() : segments[count - 1].last + 1;
  }

  absl::StatusOr<std::unique_ptr<LogSnapshot>> Snapshot() override {
    if (absl::Status status = poison_->status(); !status.ok()) {
      return status;
    }
    // Or the write-ahead log of the copy could say that there are postings which its tables do not have yet.
    const std::lock_guard maintenance_lock(maintenance_mutex_);
    return TakeSnapshot(*store_, bounds());
  }

  void SetObserver(Observer observer) override { observer_ = std::move(observer); }

  std::string_view name() const override { return "rocksdb"; }

 private:
  bool sync() const { return options_.sync == SyncMode::kAlways; }

  absl::Status CheckWritable() const {
    if (absl::Status status = poison_->status(); !status.ok()) {
      return status;
    }
    const uint64_t free_bytes = FreeBytes(options_.directory);
    if (free_bytes >= options_.free_space_bytes_min) {
      return absl::OkStatus();
    }
    return absl::ResourceExhaustedError(fmt::format("the file system of {} has {} bytes left; {} are kept free",
                                                    options_.directory, free_bytes, options_.free_space_bytes_min));
  }

  absl::Status Store(const Sequencer::Batch& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_) {
    rocksdb::WriteBatch writes(64 << 10);
    SegmentInfo active = table_.snapshot().active;
    for (const Sequencer::Piece& piece : batch.pieces) {
      if (piece.begins_segment && !active.empty()) {
        PutSegment(writes, {active, /*indexed=*/false});
        active = SegmentInfo();
      }
      active.Add(*piece.chunk);
      writes.Put(store_->events(), format::NumberKey(piece.chunk->first_sequence()), SliceOf(piece.chunk->bytes()));
    }
    writes.Put(store_->dedupe(), format::NumberKey(batch.pieces.front().chunk->first_sequence()),
               format::EncodeFingerprints(batch.fingerprints));
    return store_->Write(writes, sync());
  }

  void PutSegment(rocksdb::WriteBatch& writes, const format::SegmentRecord& record) const {
    writes.Put(store_->segments(), format::NumberKey(record.info.first), format::Encode(record));
  }

  // Ends the active segment when it is large or old for the policy.
  absl::Status CloseActiveFor(const TrimPolicy& policy, absl::Time now) {
    const std::lock_guard write_lock(write_mutex_);
    const SegmentInfo active = table_.snapshot().active;
    if (!ShouldClose(active, policy, now)) {
      return absl::OkStatus();
    }
    rocksdb::WriteBatch writes;
    PutSegment(writes, {active, /*indexed=*/false});
    if (absl::Status status = store_->Write(writes, sync()); !status.ok()) {
      return status;
    }
    table_.CloseActive();
    sequencer_.CloseSegment();
    return absl::OkStatus();
  }

  // Removes the oldest segments: says so durably and in tables, hides them, then gives their space back.
  // `flush`: there are some whose events are not in tables.
  absl::Status Remove(const std::vector<SegmentInfo>& oldest, bool flush)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(maintenance_mutex_) {
    const uint64_t begin = oldest.front().first;
    const uint64_t end = oldest.back().last + 1;
    rocksdb::WriteBatch writes;
    writes.Put(store_->facts(), SliceOf(format::kTrimmedKey),
               format::Encode(format::Trimmed{end, oldest.back().last_millis}));
    for (const SegmentInfo& segment : oldest) {
      writes.Delete(store_->segments(), format::NumberKey(segment.first));
    }
    if (absl::Status status = store_->Write(writes, /*sync=*/true); !status.ok()) {
      return status;
    }
    // In tables before anything is deleted: a write-ahead log that lost its end would claim what is gone.
    if (absl::Status status = flush ? store_->Flush() : store_->FlushFacts(); !status.ok()) {
      return status;
    }
    table_.DropBefore(end);
    if (absl::Status status = store_->RemoveRange(store_->postings(), begin, end); !status.ok()) {
      return status;
    }
    return RemoveEvents();
  }

  // Of those that are removed, what is in tables.
  absl::Status RemoveEvents() ABSL_EXCLUSIVE_LOCKS_REQUIRED(maintenance_mutex_) {
    const uint64_t earliest = table_.earliest();
    all_removed_ = false;
    if (absl::Status status = store_->RemoveEventsBefore(earliest); !status.ok()) {
      return status;
    }
    const absl::StatusOr<bool> all = store_->CutEventsBefore(earliest);
    all_removed_ = all.ok() && *all;
    return all.status();
  }

  // The thread of its own.
  void IndexClosedSegments() {
    uint64_t forgotten = 0;
    while (true) {
      const SegmentTable::Unindexed segment = table_.WaitForUnindexed();
      if (segment.index == nullptr) {
        return;
      }
      const std::lock_guard maintenance_lock(maintenance_mutex_);
      if (segment.info.first < table_.earliest()) {
        continue;  // removed meanwhile
      }
      absl::Status status = Index(segment);
      const uint64_t floor = window_floor_.load(std::memory_order_relaxed);
      if (status.ok() && floor > forgotten) {
        status = ForgetFingerprints(floor, forgotten);
      }
      if (!status.ok()) {
        poison_->Set(status).IgnoreError();
        table_.Stop();
        return;
      }
      table_.MarkIndexed(segment.info.first);
    }
  }

  // Removes the commits before the one that holds `floor`, whose other events are still remembered. `forgotten` is
  // where the last call ended.
  absl::Status ForgetFingerprints(uint64_t floor, uint64_t& forgotten) {
    uint64_t end = forgotten;
    {
      const std::unique_ptr<rocksdb::Iterator> it = store_->Iterate(store_->dedupe());
      it->SeekForPrev(format::NumberKey(floor));
      if (it->Valid()) {
        end = format::NumberOf(TextOf(it->key())).value_or(end);
      } else if (!it->status().ok()) {
        return FromRocksDb(it->status(), fmt::format("reading the log in {}", store_->path()));
      }
    }
    const uint64_t begin = std::exchange(forgotten, end);
    return store_->RemoveRange(store_->dedupe(), begin, end);
  }

  absl::Status Index(const SegmentTable::Unindexed& segment) {
    if (absl::Status status = store_->IngestPostings(segment.info.first, *segment.index); !status.ok()) {
      return status;
    }
    rocksdb::WriteBatch writes;
    PutSegment(writes, {segment.info, /*indexed=*/true});
    if (absl::Status status = store_->Write(writes, /*sync=*/false); !status.ok()) {
      return status;
    }
    return store_->Flush();
  }

  const RocksDbOptions options_;
  const Epoch epoch_;
  const std::shared_ptr<Poison> poison_;
  const std::unique_ptr<RocksDbStore> store_;
  SegmentTable table_;
  Observer observer_;

  std::mutex write_mutex_;
  std::mutex maintenance_mutex_;
  Sequencer sequencer_ ABSL_GUARDED_BY(write_mutex_);
  bool all_removed_ ABSL_GUARDED_BY(maintenance_mutex_) =
      false;  // false: the tables may hold events before the earliest
  std::atomic<uint64_t> window_floor_ = 0;

  mutable LastPerTopicReader last_per_topic_;
  std::thread indexer_;  // last: it uses the others
};

// What is wrong with the files, as an error.
absl::Status CheckFiles(const std::string& directory) {
  const absl::StatusOr<Preflight> preflight = Inspect(directory);
  if (!preflight.ok() || preflight->faults.empty()) {
    return preflight.status();
  }
  const LogFault& fault = preflight->faults.front();
  return absl::DataLossError(fmt::format("the log in {} is damaged: {}: {}", directory, fault.where, fault.what));
}

// Opening the log writes what is in its write-ahead logs into tables, and only then removes them. RocksDB may end the
// process when one of its files finds no space meanwhile.
absl::Status CheckRoom(const std::string& directory) {
  const absl::StatusOr<StoredFiles> files = StoredFiles::List(directory + "/db");
  if (!files.ok()) {
    return files.status();
  }
  uint64_t needed = kOpenBytesMin;
  for (const uint64_t wal : files->wals) {
    std::error_code error;
    const uint64_t bytes =
        std::filesystem::file_size(fmt::format("{}/db/{}", directory, StoredFiles::WalName(wal)), error);
    needed += error ? 0 : bytes;
  }
  const uint64_t free_bytes = FreeBytes(directory);
  return free_bytes >= needed
             ? absl::OkStatus()
             : absl::ResourceExhaustedError(fmt::format(
                   "the file system of {} has {} bytes left; opening the log needs {}", directory, free_bytes, needed));
}

absl::StatusOr<std::unique_ptr<LogEngine>> Open(RocksDbOptions options) {
  absl::StatusOr<LogDirectory> directory = LogDirectory::Claim(options.directory);
  if (!directory.ok()) {
    return directory.status();
  }
  if (absl::Status status = CheckFiles(options.directory); !status.ok()) {
    return status;
  }
  if (absl::Status status = RemoveSnapshot(*directory); !status.ok()) {
    return status;
  }
  if (absl::Status status = CheckRoom(options.directory); !status.ok()) {
    return status;
  }
  const auto poison = std::make_shared<Poison>();
  absl::StatusOr<std::unique_ptr<RocksDbStore>> store =
      RocksDbStore::Open(*std::move(directory), options.open_files_max, options.env,
                         [poison](const absl::Status& status) { poison->Set(status).IgnoreError(); });
  if (!store.ok()) {
    return store.status();
  }
  if (absl::Status status = (*store)->directory().Sync(); !status.ok()) {
    return status;
  }
  const std::string_view state = options.sync == SyncMode::kAlways ? format::kStateAlways : format::kStateNever;
  absl::StatusOr<RecoveredLog> recovered = Recover(**store, state, options.log.idempotence_events_max);
  if (!recovered.ok()) {
    return recovered.status();
  }
  return std::make_unique<RocksDbEngine>(std::move(options), poison, *std::move(store), *std::move(recovered));
}

}  // namespace

absl::StatusOr<std::unique_ptr<LogEngine>> OpenRocksDbLog(RocksDbOptions options) {
  const std::string path = options.directory;
  absl::StatusOr<std::unique_ptr<LogEngine>> log = Open(std::move(options));
  if (absl::IsDataLoss(log.status())) {
    return absl::DataLossError(
        fmt::format("{}; `weir check-log {}` says all that is wrong, and what to do", Message(log.status()), path));
  }
  return log;
}

}  // namespace weir::log
