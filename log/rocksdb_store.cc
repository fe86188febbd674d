#include "log/rocksdb_store.h"

#include <spdlog/spdlog.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <climits>
#include <cstdarg>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "base/text.h"
#include "fmt/format.h"
#include "log/careful_iterator.h"
#include "log/preflight.h"
#include "log/rocksdb_format.h"
#include "rocksdb/cache.h"
#include "rocksdb/compaction_filter.h"
#include "rocksdb/convenience.h"
#include "rocksdb/filter_policy.h"
#include "rocksdb/listener.h"
#include "rocksdb/sst_file_writer.h"
#include "rocksdb/table.h"
#include "rocksdb/utilities/checkpoint.h"

namespace weir::log {

uint64_t FreeBytes(const std::string& path) {
  struct statvfs info {};
  return statvfs(path.c_str(), &info) == 0 ? static_cast<uint64_t>(info.f_bavail) * info.f_frsize : UINT64_MAX;
}

// Lets whatever compacts tables of events leave out those that retention has removed. A DeleteRange would hide them as
// well; but the table that it comes to lie in, with the newest events, then reaches over the whole log, and every table
// is rewritten with it when it is compacted.
class RemovedEventsFilter : public rocksdb::CompactionFilter {
 public:
  // Any thread.
  void SetEarliest(uint64_t sequence) { earliest_.store(sequence, std::memory_order_relaxed); }

  const char* Name() const override { return "RemovedEventsFilter"; }
  Decision FilterV2(int, const rocksdb::Slice& key, ValueType, const rocksdb::Slice&, std::string*,
                    std::string* skip_until) const override {
    const uint64_t earliest = earliest_.load(std::memory_order_relaxed);
    if (format::NumberOf(TextOf(key)).value_or(earliest) >= earliest) {
      return Decision::kKeep;
    }
    *skip_until = format::NumberKey(earliest);
    return Decision::kRemoveAndSkipUntil;
  }

 private:
  std::atomic<uint64_t> earliest_ = 0;
};

namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kTableBytes = 128 * kMiB;
// What a compaction or a flush that serves to give space back leaves free for all else.
constexpr uint64_t kRoomBeside = 16 * kMiB;

class BackgroundErrorListener : public rocksdb::EventListener {
 public:
  explicit BackgroundErrorListener(std::function<void(absl::Status)> report) : report_(std::move(report)) {}

  void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status* status) override {
    report_(FromRocksDb(*status, "writing in the background"));
  }

  // A full disk is the one error from which RocksDB recovers by itself, whatever max_bgerror_resume_count says: as soon
  // as there is room it writes on after bytes whose fate nobody knows.
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status, bool* auto_recovery) override {
    *auto_recovery = false;
  }

 private:
  const std::function<void(absl::Status)> report_;
};

// RocksDB's own messages go where ours go, if somebody wants them. In a file of its own, which it has by default, it
// asserts that nothing is written after a write that failed: then a full disk ends the process.
class Messages : public rocksdb::Logger {
 public:
  Messages() : Logger(rocksdb::InfoLogLevel::WARN_LEVEL) {}

  using Logger::Logv;
  void Logv(const char* format, va_list arguments) override {
    std::array<char, 1000> text{};
    std::vsnprintf(text.data(), text.size(), format, arguments);
    spdlog::debug("rocksdb: {}", Quotable(text.data(), text.size()));
  }
};

// What RocksDB keeps open of its tables: all, from the start on, so that it looks at each, and for good; or some. All
// only where there is twice the room for those that are there and `to_come`.
int TablesOpen(const std::string& database, uint64_t open_files_max, uint64_t to_come) {
  constexpr int kAll = -1;
  const absl::StatusOr<StoredFiles> files = StoredFiles::List(database);
  const uint64_t tables = to_come + (files.ok() ? files->tables.size() : 0);
  return open_files_max / 2 >= tables ? kAll : static_cast<int>(open_files_max);
}

rocksdb::DBOptions DatabaseOptions() {
  rocksdb::DBOptions options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  // The default drops acknowledged events silently after a corruption in the middle of the write-ahead log.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  options.max_bgerror_resume_count = 0;             // a failed disk is a poisoned log, until somebody has looked at it
  options.allow_concurrent_memtable_write = false;  // there is one writer
  options.max_background_jobs = 2;
  options.max_total_wal_size = 512 * kMiB;
  options.bytes_per_sync = kMiB;         // spreads the disk's work, so that a flush does not stop the log's own syncs
  options.table_cache_numshardbits = 3;  // each shard may have one more open; ten are set aside for that
  options.info_log = std::make_shared<Messages>();
  options.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  return options;
}

class NoLogger : public rocksdb::Logger {
 public:
  using Logger::Logv;
  void Logv(const char*, va_list) override {}
};

rocksdb::ColumnFamilyOptions FamilyOptions(const std::shared_ptr<rocksdb::Cache>& cache, bool bloom) {
  rocksdb::BlockBasedTableOptions table;
  table.block_size = 8 << 10;
  table.block_cache = cache;
  if (bloom) {
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  }
  rocksdb::ColumnFamilyOptions options;
  options.write_buffer_size = 128 * kMiB;
  options.max_write_buffer_number = 4;
  options.level_compaction_dynamic_level_bytes = true;
  options.target_file_size_base = kTableBytes;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

// `removed` may be null.
std::vector<rocksdb::ColumnFamilyDescriptor> Families(size_t cache_bytes, const RemovedEventsFilter* removed) {
  const std::shared_ptr<rocksdb::Cache> cache = rocksdb::NewLRUCache(cache_bytes);
  const rocksdb::ColumnFamilyOptions plain = FamilyOptions(cache, false);
  rocksdb::ColumnFamilyOptions events = plain;
  events.compaction_filter = removed;
  events.periodic_compaction_seconds = 0;  // with a filter every table would be rewritten each month
  return {{rocksdb::kDefaultColumnFamilyName, plain},
          {format::kEvents, events},
          {format::kSegments, plain},
          {format::kPostings, FamilyOptions(cache, true)},
          {format::kDedupe, plain}};
}

}  // namespace

absl::Status FromRocksDb(const rocksdb::Status& status, std::string_view what) {
  if (status.ok()) {
    return absl::OkStatus();
  }
  const std::string text = fmt::format("{} failed: {}", what, status.ToString());
  return status.IsCorruption() ? absl::DataLossError(text) : absl::UnavailableError(text);
}

absl::StatusOr<std::unique_ptr<RocksDbStore>> RocksDbStore::Open(
    LogDirectory directory, uint64_t open_files_max, rocksdb::Env* env,
    std::function<void(absl::Status)> on_background_error) {
  std::unique_ptr<RocksDbStore> store(new RocksDbStore(directory.path()));
  store->directory_.emplace(std::move(directory));
  constexpr uint64_t kTablesToCome = 4'096;  // 128 GiB
  rocksdb::DBOptions options = DatabaseOptions();
  options.max_open_files = TablesOpen(store->directory_->database(), open_files_max, kTablesToCome);
  if (env != nullptr) {
    options.env = env;
  }
  options.listeners.push_back(std::make_shared<BackgroundErrorListener>(std::move(on_background_error)));
  store->removed_ = std::make_unique<RemovedEventsFilter>();
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(options, store->directory_->database(),
                                                   Families(256 * kMiB, store->removed_.get()), &store->families_, &db);
  if (!status.ok()) {
    return FromRocksDb(status, fmt::format("opening the log in {}", store->path()));
  }
  store->db_.reset(db);
  if (options.max_open_files < 0 && open_files_max <= INT_MAX) {
    // Each has been looked at. What is added from now on counts.
    const rocksdb::Status bounded = db->SetDBOptions({{"max_open_files", fmt::format("{}", open_files_max)}});
    if (!bounded.ok()) {
      return FromRocksDb(bounded, fmt::format("opening the log in {}", store->path()));
    }
  }
  return store;
}

std::unique_ptr<RocksDbStore> RocksDbStore::OpenReadOnly(const std::string& directory, Wal wal,
                                                         rocksdb::Status& status) {
  constexpr uint64_t kOpenFilesMax = 512;  // a shell's programs have 1024
  std::unique_ptr<RocksDbStore> store(new RocksDbStore(directory));
  rocksdb::DBOptions options = DatabaseOptions();
  options.max_open_files = TablesOpen(directory + "/db", kOpenFilesMax, 0);
  options.create_if_missing = false;
  options.create_missing_column_families = false;
  options.info_log = std::make_shared<NoLogger>();  // the other one is a file
  if (wal == Wal::kIgnore) {
    options.wal_dir = directory;  // where none are
  }
  rocksdb::DB* db = nullptr;
  status =
      rocksdb::DB::OpenForReadOnly(options, directory + "/db", Families(32 * kMiB, nullptr), &store->families_, &db);
  if (!status.ok()) {
    return nullptr;
  }
  store->db_.reset(db);
  return store;
}

rocksdb::ColumnFamilyHandle* RocksDbStore::family(std::string_view name) const {
  return *std::find_if(families_.begin(), families_.end(), [&](const auto* each) { return each->GetName() == name; });
}

RocksDbStore::RocksDbStore(std::string path) : path_(std::move(path)) {}

RocksDbStore::~RocksDbStore() {
  if (db_ == nullptr) {
    return;
  }
  rocksdb::CancelAllBackgroundWork(db_.get(), /*wait=*/true);
  for (rocksdb::ColumnFamilyHandle* family : families_) {
    db_->DestroyColumnFamilyHandle(family);
  }
  db_->Close();
}

absl::Status RocksDbStore::Write(rocksdb::WriteBatch& batch, bool sync) {
  rocksdb::WriteOptions options;
  options.sync = sync;
  const rocksdb::Status status = db_->Write(options, &batch);
  return status.ok() ? absl::OkStatus() : FromRocksDb(status, fmt::format("writing the log in {}", path()));
}

absl::StatusOr<std::optional<std::string>> RocksDbStore::Get(rocksdb::ColumnFamilyHandle* family,
                                                             std::string_view key) const {
  std::string value;
  const rocksdb::Status status = db_->Get(rocksdb::ReadOptions(), family, SliceOf(key), &value);
  if (status.IsNotFound()) {
    return std::nullopt;
  }
  if (!status.ok()) {
    return FromRocksDb(status, fmt::format("reading the log in {}", path()));
  }
  return value;
}

std::unique_ptr<rocksdb::Iterator> RocksDbStore::Iterate(rocksdb::ColumnFamilyHandle* family) const {
  return std::make_unique<CarefulIterator>(db_->NewIterator(rocksdb::ReadOptions(), family));
}

std::unique_ptr<rocksdb::Iterator> RocksDbStore::IterateOnce(rocksdb::ColumnFamilyHandle* family) const {
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  return std::make_unique<CarefulIterator>(db_->NewIterator(options, family));
}

absl::Status RocksDbStore::IngestPostings(uint64_t segment_first, const SegmentIndex& index) {
  std::vector<std::string_view> topics;
  topics.reserve(index.topics().size());
  for (const auto& [topic, postings] : index.topics()) {
    topics.push_back(topic);
  }
  std::sort(topics.begin(), topics.end());

  const std::string what = fmt::format("indexing a segment of the log in {}", path());
  const std::string file = directory_->sealing_file();
  // Opening would write over what the name stands for: after an ingestion that was cut short, a file of the database.
  std::error_code error;
  std::filesystem::remove(file, error);
  if (error) {
    return absl::UnavailableError(fmt::format("{} failed: {} cannot be removed: {}", what, file, error.message()));
  }
  rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), db_->GetOptions(postings()), postings());
  rocksdb::Status status = writer.Open(file);
  for (const std::string_view topic : topics) {
    if (!status.ok()) {
      break;
    }
    status = writer.Put(format::PostingsKey(segment_first, topic), EncodePostings(*index.Find(topic)));
  }
  if (status.ok()) {
    status = writer.Finish();
  }
  if (status.ok()) {
    rocksdb::IngestExternalFileOptions options;
    options.move_files = true;
    options.write_global_seqno = false;
    status = db_->IngestExternalFile(postings(), {file}, options);
  }
  return FromRocksDb(status, what);
}

absl::Status RocksDbStore::Flush() {
  return FromRocksDb(db_->Flush(rocksdb::FlushOptions(), families_), fmt::format("flushing the log in {}", path()));
}

bool RocksDbStore::HasRoomToFlush() const {
  uint64_t bytes = 0;
  return db_->GetAggregatedIntProperty(rocksdb::DB::Properties::kCurSizeAllMemTables, &bytes) &&
         bytes + kRoomBeside <= FreeBytes(path());
}

absl::Status RocksDbStore::FlushFacts() {
  return FreeBytes(path()) < kRoomBeside
             ? absl::OkStatus()
             : FromRocksDb(db_->Flush(rocksdb::FlushOptions(), facts()), fmt::format("flushing the log in {}", path()));
}

absl::Status RocksDbStore::Copy(const std::string& directory) {
  rocksdb::Checkpoint* made = nullptr;
  rocksdb::Status status = rocksdb::Checkpoint::Create(db_.get(), &made);
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  if (status.ok()) {
    status = checkpoint->CreateCheckpoint(directory);
  }
  if (!status.ok()) {
    return FromRocksDb(status, fmt::format("copying the log in {}", path()));
  }
  // An empty write-ahead log is left out; but a database without any is one that has lost it.
  const absl::StatusOr<StoredFiles> files = StoredFiles::List(directory);
  uint64_t number = 0;
  if (files.ok() && files->wals.empty() && db_->GetIntProperty(rocksdb::DB::Properties::kMinLogNumberToKeep, &number)) {
    std::ofstream(fmt::format("{}/{}", directory, StoredFiles::WalName(number)));
  }
  return files.status();
}

absl::Status RocksDbStore::RemoveRange(rocksdb::ColumnFamilyHandle* family, uint64_t begin, uint64_t end) {
  if (begin >= end) {
    return absl::OkStatus();
  }
  const std::string first = format::NumberKey(begin);
  const std::string last = format::NumberKey(end);
  const rocksdb::Slice first_slice(first);
  const rocksdb::Slice last_slice(last);
  // Durable before a table goes: else what lies in the tables beside it could come back, with a hole between.
  rocksdb::WriteOptions durable;
  durable.sync = true;
  rocksdb::Status status = db_->DeleteRange(durable, family, first_slice, last_slice);
  if (status.ok()) {
    status = rocksdb::DeleteFilesInRange(db_.get(), family, &first_slice, &last_slice, /*include_end=*/false);
  }
  return FromRocksDb(status, fmt::format("removing old events of the log in {}", path()));
}

absl::Status RocksDbStore::RemoveEventsBefore(uint64_t earliest) {
  removed_->SetEarliest(earliest);
  const std::string end = format::NumberKey(earliest);
  const rocksdb::Slice end_slice(end);
  const rocksdb::Status deleted =
      rocksdb::DeleteFilesInRange(db_.get(), events(), nullptr, &end_slice, /*include_end=*/false);
  return FromRocksDb(deleted, fmt::format("removing old events of the log in {}", path()));
}

// What is left is the table that also holds later events (a table ends when a segment's index is written, some events
// after the segment), and whatever is in level 0, where RocksDB deletes no files. Of these little is read: the filter
// leaps over what is removed; and only what stays is written.
absl::StatusOr<bool> RocksDbStore::CutEventsBefore(uint64_t earliest) {
  const std::string end = format::NumberKey(earliest);
  rocksdb::ColumnFamilyMetaData tables;
  db_->GetColumnFamilyMetaData(events(), &tables);
  rocksdb::CompactionOptions options;
  options.compression = rocksdb::kDisableCompressionOption;  // that is: the family's
  options.output_file_size_limit = kTableBytes;
  bool all = true;
  for (const rocksdb::LevelMetaData& level : tables.levels) {
    std::vector<std::string> old;
    uint64_t bytes = 0;
    for (const rocksdb::SstFileMetaData& table : level.files) {
      if (table.smallestkey < end) {
        old.push_back(table.name);
        bytes += table.size;
      }
    }
    if (old.empty()) {
      continue;
    }
    // A compaction without room would poison the log.
    if (bytes + kRoomBeside > FreeBytes(path())) {
      all = false;
      continue;
    }
    const int into = level.level == 0 ? tables.levels.back().level : level.level;
    const rocksdb::Status status = db_->CompactFiles(options, events(), old, into);
    // Another compaction has one of them, or had it just now.
    const bool busy = status.IsAborted() || status.IsInvalidArgument();
    if (!status.ok() && !busy) {
      return FromRocksDb(status, fmt::format("removing old events of the log in {}", path()));
    }
    all = all && !busy;
  }
  return all;
}

absl::Status RocksDbStore::Sync() { return FromRocksDb(db_->SyncWAL(), fmt::format("syncing the log in {}", path())); }

}  // namespace weir::log
