#include "log/rocksdb_store.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "base/text.h"
#include "fmt/format.h"
#include "log/preflight.h"
#include "log/rocksdb_format.h"
#include "rocksdb/cache.h"
#include "rocksdb/convenience.h"
#include "rocksdb/filter_policy.h"
#include "rocksdb/listener.h"
#include "rocksdb/sst_file_writer.h"
#include "rocksdb/table.h"
#include "rocksdb/utilities/checkpoint.h"

namespace weir::log {
namespace {

constexpr uint64_t kMiB = 1 << 20;

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
  options.bytes_per_sync = kMiB;  // spreads the disk's work, so that a flush does not stop the log's own syncs
  options.max_open_files = -1;
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

// RocksDB 7.8's iterator ends quietly, without an error, when it steps into a table whose first block is damaged; a
// seek tells. So the end is asked for once more.
class CarefulIterator : public rocksdb::Iterator {
 public:
  explicit CarefulIterator(rocksdb::Iterator* inner) : inner_(inner) {}

  bool Valid() const override { return inner_->Valid(); }
  void SeekToFirst() override { inner_->SeekToFirst(); }
  void SeekToLast() override { inner_->SeekToLast(); }
  void Seek(const rocksdb::Slice& target) override { inner_->Seek(target); }
  void SeekForPrev(const rocksdb::Slice& target) override { inner_->SeekForPrev(target); }
  void Next() override {
    last_.assign(inner_->key().data(), inner_->key().size());
    inner_->Next();
    if (!inner_->Valid() && inner_->status().ok()) {
      last_.push_back('\0');
      inner_->Seek(last_);
    }
  }
  void Prev() override { inner_->Prev(); }
  rocksdb::Slice key() const override { return inner_->key(); }
  rocksdb::Slice value() const override { return inner_->value(); }
  rocksdb::Status status() const override { return inner_->status(); }

 private:
  const std::unique_ptr<rocksdb::Iterator> inner_;
  std::string last_;
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
  options.target_file_size_base = 128 * kMiB;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

std::vector<rocksdb::ColumnFamilyDescriptor> Families(size_t cache_bytes) {
  const std::shared_ptr<rocksdb::Cache> cache = rocksdb::NewLRUCache(cache_bytes);
  const rocksdb::ColumnFamilyOptions plain = FamilyOptions(cache, false);
  return {{rocksdb::kDefaultColumnFamilyName, plain},
          {format::kEvents, plain},
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
    LogDirectory directory, rocksdb::Env* env, std::function<void(absl::Status)> on_background_error) {
  std::unique_ptr<RocksDbStore> store(new RocksDbStore(directory.path()));
  store->directory_.emplace(std::move(directory));
  rocksdb::DBOptions options = DatabaseOptions();
  if (env != nullptr) {
    options.env = env;
  }
  options.listeners.push_back(std::make_shared<BackgroundErrorListener>(std::move(on_background_error)));
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status =
      rocksdb::DB::Open(options, store->directory_->database(), Families(256 * kMiB), &store->families_, &db);
  if (!status.ok()) {
    return FromRocksDb(status, fmt::format("opening the log in {}", store->path()));
  }
  store->db_.reset(db);
  return store;
}

std::unique_ptr<RocksDbStore> RocksDbStore::OpenReadOnly(const std::string& directory, Wal wal,
                                                         rocksdb::Status& status) {
  std::unique_ptr<RocksDbStore> store(new RocksDbStore(directory));
  rocksdb::DBOptions options = DatabaseOptions();
  options.create_if_missing = false;
  options.create_missing_column_families = false;
  options.info_log = std::make_shared<NoLogger>();  // the other one is a file
  if (wal == Wal::kIgnore) {
    options.wal_dir = directory;  // where none are
  }
  rocksdb::DB* db = nullptr;
  status = rocksdb::DB::OpenForReadOnly(options, directory + "/db", Families(32 * kMiB), &store->families_, &db);
  if (!status.ok()) {
    return nullptr;
  }
  store->db_.reset(db);
  return store;
}

rocksdb::ColumnFamilyHandle* RocksDbStore::family(std::string_view name) const {
  return *std::find_if(families_.begin(), families_.end(), [&](const auto* each) { return each->GetName() == name; });
}

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
  return FromRocksDb(db_->Write(options, &batch), fmt::format("writing the log in {}", path()));
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
  rocksdb::Status status =
      rocksdb::DeleteFilesInRange(db_.get(), family, &first_slice, &last_slice, /*include_end=*/false);
  if (status.ok()) {
    status = db_->DeleteRange(rocksdb::WriteOptions(), family, first_slice, last_slice);
  }
  return FromRocksDb(status, fmt::format("removing old events of the log in {}", path()));
}

absl::Status RocksDbStore::Sync() { return FromRocksDb(db_->SyncWAL(), fmt::format("syncing the log in {}", path())); }

}  // namespace weir::log
