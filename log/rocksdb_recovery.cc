#include "log/rocksdb_recovery.h"

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "log/rocksdb_format.h"
#include "log/rocksdb_view.h"

namespace weir::log {
namespace {

absl::Status Damaged(const RocksDbStore& store, std::string_view what) {
  return absl::DataLossError(fmt::format("the log in {} is damaged: {}", store.path(), what));
}

absl::Status ReadStatus(const RocksDbStore& store, const rocksdb::Iterator& it) {
  return FromRocksDb(it.status(), fmt::format("reading the log in {}", store.path()));
}

// Reads, or makes, what is known about the log as a whole, and says that it is open.
class Facts {
 public:
  explicit Facts(RocksDbStore& store) : store_(store) {}

  absl::Status Load(std::string_view new_state, LogState& log, format::Trimmed& trimmed) {
    const absl::StatusOr<std::optional<std::string>> epoch = Get(format::kEpochKey);
    const absl::StatusOr<std::optional<std::string>> key = Get(format::kFingerprintKey);
    const absl::StatusOr<std::optional<std::string>> state = Get(format::kStateKey);
    const absl::StatusOr<std::optional<std::string>> removed = Get(format::kTrimmedKey);
    for (const auto* fact : {&epoch, &key, &state, &removed}) {
      if (!fact->ok()) {
        return fact->status();
      }
    }
    if (removed->has_value()) {
      const std::optional<format::Trimmed> decoded = format::DecodeTrimmed(**removed);
      if (!decoded.has_value()) {
        return Damaged(store_, "it does not say where it begins");
      }
      trimmed = *decoded;
    }
    rocksdb::WriteBatch batch;
    if (!epoch->has_value() && !key->has_value()) {
      log.key = FingerprintKey::Random();
      Put(batch, format::kFingerprintKey, format::Encode(log.key));
    } else {
      const std::optional<Epoch> known_epoch = Epoch::Parse(epoch->value_or(""));
      const std::optional<FingerprintKey> known_key = format::DecodeFingerprintKey(key->value_or(""));
      if (!known_epoch.has_value() || !known_key.has_value()) {
        return Damaged(store_, "its epoch or its key is missing");
      }
      log.epoch = *known_epoch;
      log.key = *known_key;
    }
    // After such a stop acknowledged events may be gone, and their sequences will be given to others; as in a copy.
    const bool demanded = store_.directory().new_epoch_demanded();
    if (!epoch->has_value() || *state == format::kStateNever || demanded) {
      log.epoch = Epoch::FromBits(FingerprintKey::Random().words[0]);
      Put(batch, format::kEpochKey, log.epoch.text());
    }
    Put(batch, format::kStateKey, new_state);
    const absl::Status status = store_.Write(batch, /*sync=*/true);
    return status.ok() && demanded ? store_.directory().EpochRenewed() : status;
  }

 private:
  absl::StatusOr<std::optional<std::string>> Get(std::string_view key) { return store_.Get(store_.facts(), key); }
  void Put(rocksdb::WriteBatch& batch, std::string_view key, std::string_view value) {
    batch.Put(store_.facts(), SliceOf(key), SliceOf(value));
  }

  RocksDbStore& store_;
};

// Reads all chunks in [first, last] that are there, and checks that they follow each other.
absl::Status ScanChunks(const RocksDbStore& store, Epoch epoch, uint64_t first, uint64_t last, SegmentInfo& info,
                        SegmentIndex& index) {
  uint64_t expected = first;
  const std::unique_ptr<rocksdb::Iterator> it = store.IterateOnce(store.events());
  for (it->Seek(format::NumberKey(first)); it->Valid() && expected <= last; it->Next()) {
    const absl::StatusOr<ChunkPtr> chunk = DecodeChunk(TextOf(it->value()), epoch);
    if (!chunk.ok()) {
      return chunk.status();
    }
    if ((*chunk)->first_sequence() != expected) {
      return Damaged(store, fmt::format("event {} is missing", expected));
    }
    info.Add(**chunk);
    index.Add(**chunk, info.first);
    expected = (*chunk)->last_sequence() + 1;
  }
  return ReadStatus(store, *it);
}

absl::Status LoadSegments(const RocksDbStore& store, uint64_t earliest, RecoveredLog& log) {
  uint64_t expected = earliest;
  const std::unique_ptr<rocksdb::Iterator> it = store.Iterate(store.segments());
  for (it->Seek(format::NumberKey(earliest)); it->Valid(); it->Next()) {
    const std::optional<format::SegmentRecord> record = format::DecodeSegment(TextOf(it->key()), TextOf(it->value()));
    if (!record.has_value() || record->info.first != expected) {
      return Damaged(store, fmt::format("the segment from event {} is missing", expected));
    }
    std::shared_ptr<SegmentIndex> index;
    if (!record->indexed) {
      index = std::make_shared<SegmentIndex>();
      SegmentInfo scanned;
      if (absl::Status status =
              ScanChunks(store, log.state.epoch, record->info.first, record->info.last, scanned, *index);
          !status.ok()) {
        return status;
      }
      if (scanned != record->info) {
        return Damaged(store, fmt::format("events are missing from event {} on", record->info.first));
      }
    }
    log.sealed.infos.push_back(record->info);
    log.sealed.indexes.push_back(std::move(index));
    expected = record->info.last + 1;
  }
  return ReadStatus(store, *it);
}

// What of [begin, end) is there.
absl::Status RemoveWhatIsIn(RocksDbStore& store, rocksdb::ColumnFamilyHandle* family, uint64_t begin, uint64_t end) {
  std::optional<uint64_t> first;
  {
    const std::unique_ptr<rocksdb::Iterator> it = store.Iterate(family);
    it->Seek(format::NumberKey(begin));
    if (it->Valid()) {
      first = format::NumberOf(TextOf(it->key()));
    }
  }
  return first.has_value() ? store.RemoveRange(family, *first, end) : absl::OkStatus();
}

// What was to be removed when the process ended, but for what needs a compaction: that is for the next Trim, since one
// that fails must not keep the log from opening.
absl::Status FinishRemoval(RocksDbStore& store, uint64_t earliest) {
  for (rocksdb::ColumnFamilyHandle* const family : {store.postings(), store.segments()}) {
    if (absl::Status status = RemoveWhatIsIn(store, family, 0, earliest); !status.ok()) {
      return status;
    }
  }
  return store.RemoveEventsBefore(earliest);
}

// Postings that nothing says are there: a power cut without syncs may keep those of a segment and take its events back,
// whose numbers are then given to others. `end`: the first sequence beyond the segments.
absl::Status RemoveStrayPostings(RocksDbStore& store, const SealedSegments& sealed, uint64_t end) {
  for (size_t i = 0; i < sealed.infos.size(); ++i) {
    if (sealed.indexes[i] == nullptr) {
      continue;  // it has its own
    }
    const SegmentInfo& segment = sealed.infos[i];
    if (absl::Status status = RemoveWhatIsIn(store, store.postings(), segment.first, segment.last + 1); !status.ok()) {
      return status;
    }
  }
  return RemoveWhatIsIn(store, store.postings(), end, UINT64_MAX);
}

// Calls `take` for the events in [begin, end) that have fingerprints, a commit at a time. Any thread.
absl::Status ReadFingerprints(const RocksDbStore& store, uint64_t begin, uint64_t end, IdempotenceWindow::Take take) {
  const std::unique_ptr<rocksdb::Iterator> it = store.IterateOnce(store.dedupe());
  // The commit that holds `begin` may have begun before.
  it->SeekForPrev(format::NumberKey(begin));
  if (!it->Valid()) {
    it->SeekToFirst();
  }
  for (; it->Valid(); it->Next()) {
    const uint64_t sequence = format::NumberOf(TextOf(it->key())).value_or(0);
    if (sequence >= end) {
      break;
    }
    const std::vector<uint64_t> fingerprints = format::DecodeFingerprints(TextOf(it->value()));
    const uint64_t first = std::max(sequence, begin);
    const uint64_t stop = std::min(sequence + fingerprints.size(), end);
    if (first < stop) {
      take(std::span(fingerprints).subspan(first - sequence, stop - first), first);
      begin = stop;
    }
  }
  return ReadStatus(store, *it);
}

// Where the fingerprints end: one beyond the last event that has one.
absl::StatusOr<uint64_t> EndOfFingerprints(const RocksDbStore& store) {
  const std::unique_ptr<rocksdb::Iterator> it = store.Iterate(store.dedupe());
  it->SeekToLast();
  if (absl::Status status = ReadStatus(store, *it); !status.ok()) {
    return status;
  }
  return it->Valid() ? format::NumberOf(TextOf(it->key())).value_or(0) + it->value().size() / 8 : 1;
}

absl::Status RecoverEvents(RocksDbStore& store, const format::Trimmed& trimmed, RecoveredLog& log) {
  if (absl::Status status = FinishRemoval(store, trimmed.earliest); !status.ok()) {
    return status;
  }
  if (absl::Status status = LoadSegments(store, trimmed.earliest, log); !status.ok()) {
    return status;
  }
  const uint64_t sealed_head = log.sealed.infos.empty() ? trimmed.earliest - 1 : log.sealed.infos.back().last;
  if (absl::Status status = RemoveStrayPostings(store, log.sealed, sealed_head + 1); !status.ok()) {
    return status;
  }
  log.active_index = std::make_shared<SegmentIndex>();
  SegmentInfo& active = log.state.active;
  if (absl::Status status = ScanChunks(store, log.state.epoch, sealed_head + 1, UINT64_MAX, active, *log.active_index);
      !status.ok()) {
    return status;
  }
  log.state.head = active.empty() ? sealed_head : active.last;
  log.state.last_millis = std::max(trimmed.millis, active.last_millis);
  log.totals = {trimmed.earliest, log.state.head, active.bytes};
  for (const SegmentInfo& segment : log.sealed.infos) {
    log.state.last_millis = std::max(log.state.last_millis, segment.last_millis);
    log.totals.bytes += segment.bytes;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RecoveredLog> Recover(RocksDbStore& store, std::string_view state, size_t idempotence_events_max) {
  RecoveredLog log(idempotence_events_max);
  format::Trimmed trimmed;
  if (absl::Status status = Facts(store).Load(state, log.state, trimmed); !status.ok()) {
    return status;
  }
  const absl::StatusOr<uint64_t> end = EndOfFingerprints(store);
  if (!end.ok()) {
    return end.status();
  }
  // The ids are most of the work: they are read back while the events are looked at.
  absl::Status restored;
  std::thread restoring([&] {
    restored =
        log.window.Restore(trimmed.earliest, *end, [&](uint64_t begin, uint64_t stop, IdempotenceWindow::Take take) {
          return ReadFingerprints(store, begin, stop, take);
        });
  });
  absl::Status status = RecoverEvents(store, trimmed, log);
  restoring.join();
  status.Update(restored);
  if (!status.ok()) {
    return status;
  }
  // A commit writes both at once.
  if (*end != log.state.head + 1) {
    return Damaged(store, fmt::format("its events end with {}, their fingerprints with {}", log.state.head, *end - 1));
  }
  return log;
}

}  // namespace weir::log
