#include "log/preflight.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "base/wire.h"
#include "log/record_file.h"
#include "log/rocksdb_format.h"
#include "log/rocksdb_store.h"
#include "rocksdb/sst_file_reader.h"

namespace weir::log {
namespace {

// Families whose keys are numbers that grow with the log.
constexpr std::array<std::string_view, 3> kNumbered = {format::kEvents, format::kSegments, format::kDedupe};

// The number of `000012.log`.
std::optional<uint64_t> NumberOfFile(const std::filesystem::path& path, std::string_view extension) {
  const std::string stem = path.stem().string();
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(stem.data(), stem.data() + stem.size(), number);
  if (path.extension() != extension || error != std::errc() || end != stem.data() + stem.size()) {
    return std::nullopt;
  }
  return number;
}

// What is known so far: from the tables that the manifest names, and then from the write-ahead logs.
struct Known {
  uint64_t next_number = 1;             // that RocksDB gives to the next write
  std::array<uint64_t, 3> newest = {};  // the largest key of each numbered family; 0: none
  format::Trimmed trimmed;
  std::string state;

  void SetFact(std::string_view key, std::string_view value) {
    if (key == format::kTrimmedKey) {
      trimmed = format::DecodeTrimmed(value).value_or(trimmed);
    } else if (key == format::kStateKey) {
      state = value;
    }
  }
};

// Takes in one write of a write-ahead log.
class WriteReader : public rocksdb::WriteBatch::Handler {
 public:
  WriteReader(Known& known, const std::array<uint32_t, 3>& ids) : known_(known), ids_(ids) {}

  rocksdb::Status PutCF(uint32_t family, const rocksdb::Slice& key, const rocksdb::Slice& value) override {
    if (family == 0) {
      known_.SetFact(TextOf(key), TextOf(value));
    }
    const auto id = std::find(ids_.begin(), ids_.end(), family);
    if (id != ids_.end()) {
      uint64_t& newest = known_.newest[static_cast<size_t>(id - ids_.begin())];
      newest = std::max(newest, format::NumberOf(TextOf(key)).value_or(0));
    }
    return rocksdb::Status::OK();
  }
  rocksdb::Status DeleteCF(uint32_t, const rocksdb::Slice&) override { return rocksdb::Status::OK(); }
  rocksdb::Status DeleteRangeCF(uint32_t, const rocksdb::Slice&, const rocksdb::Slice&) override {
    return rocksdb::Status::OK();
  }

 private:
  Known& known_;
  const std::array<uint32_t, 3>& ids_;
};

class Inspector {
 public:
  explicit Inspector(const std::string& directory) : directory_(directory), database_(directory + "/db") {}

  absl::StatusOr<Preflight> Run() {
    absl::StatusOr<StoredFiles> files = StoredFiles::List(database_);
    if (!files.ok()) {
      return files.status();
    }
    files_ = *std::move(files);
    absl::Status status = absl::OkStatus();
    if (!files_.exists) {
      AddFault("db", "the directory is missing", kRestoreAdvice);
      return result_;
    }
    if (!files_.current) {  // it may be empty: then the log was never opened
      if (!files_.wals.empty() || !files_.tables.empty()) {
        AddFault("db/CURRENT", "the file is missing, so that nothing says which files belong to the log",
                 kRestoreAdvice);
      }
      return result_;  // making it was interrupted
    }
    if (files_.wals.empty() && !files_.tables.empty()) {
      AddFault("db", "the write-ahead log is missing", kRestoreAdvice);
      return result_;
    }
    status.Update(ReadManifest());
    if (status.ok() && result_.faults.empty()) {
      status.Update(ReadTables());
    }
    if (status.ok() && result_.faults.empty()) {
      status.Update(ReadWals());
    }
    if (status.ok() && result_.faults.empty() && known_.state != format::kStateNever) {
      status.Update(ReadOrphans());
    }
    if (!status.ok()) {
      return status;
    }
    return result_;
  }

 private:
  void AddFault(std::string where, std::string what, std::string_view advice) {
    result_.faults.push_back({std::move(where), std::move(what), std::string(advice)});
  }

  // A disk that cannot be read is no fault of the log.
  absl::Status Judge(std::string where, const rocksdb::Status& status) {
    if (status.IsIOError() && !status.IsPathNotFound()) {
      return FromRocksDb(status, fmt::format("reading the log in {}", directory_));
    }
    AddFault(std::move(where), status.ToString(), kRestoreAdvice);
    return absl::OkStatus();
  }

  // The manifest could not be read.
  absl::Status JudgeManifest(const rocksdb::Status& status) {
    if (!status.IsCorruption() || !manifest_tail_.has_value()) {
      return Judge("db", status);
    }
    AddFault(manifest_tail_->file,
             fmt::format("from byte {} on there is something that is no unfinished write: {}",
                         manifest_tail_->whole_bytes, status.ToString()),
             kRepairAdvice);
    result_.manifest_tail = manifest_tail_;
    return absl::OkStatus();
  }

  absl::Status ReadManifest() {
    std::ifstream current(database_ + "/CURRENT");
    std::string name;
    std::getline(current, name);
    std::error_code error;
    if (!name.starts_with("MANIFEST-") || !std::filesystem::exists(fmt::format("{}/{}", database_, name), error)) {
      AddFault("db/CURRENT", fmt::format("the file names \"{}\", which is not there", name.substr(0, 40)),
               kRestoreAdvice);
      return absl::OkStatus();
    }
    const absl::StatusOr<RecordFile> manifest =
        ReadRecordFile(fmt::format("{}/{}", database_, name), [](uint64_t, std::string_view) {});
    if (!manifest.ok()) {
      return manifest.status();
    }
    if (manifest->record_after_damage.has_value() || manifest->records == 0) {
      AddFault("db/" + name, fmt::format("damaged from byte {} on", manifest->whole_bytes), kRestoreAdvice);
    } else if (!manifest->whole()) {
      manifest_tail_ = FileTail{"db/" + name, manifest->whole_bytes, manifest->bytes};
    }
    return absl::OkStatus();
  }

  absl::Status ReadTables() {
    std::vector<std::string> families;
    const rocksdb::Status listed = rocksdb::DB::ListColumnFamilies(rocksdb::DBOptions(), database_, &families);
    if (!listed.ok()) {
      return JudgeManifest(listed);
    }
    if (families.size() < RocksDbStore::kFamilies) {
      // Making the database was interrupted, before anything could be stored.
      bool written = !files_.tables.empty();
      for (const uint64_t wal : files_.wals) {
        const absl::StatusOr<RecordFile> read = ReadRecordFile(WalPath(wal), [](uint64_t, std::string_view) {});
        written = written || !read.ok() || read->records > 0;
      }
      if (written) {
        AddFault("db", "the manifest has lost its end", kRestoreAdvice);
      }
      return absl::OkStatus();
    }
    rocksdb::Status opened;
    store_ = RocksDbStore::OpenReadOnly(directory_, RocksDbStore::Wal::kIgnore, opened);
    if (store_ == nullptr) {
      return JudgeManifest(opened);
    }
    result_.used = true;
    uint64_t oldest_wal = 0;
    store_->db().GetIntProperty(rocksdb::DB::Properties::kMinLogNumberToKeep, &oldest_wal);
    if (files_.wals.empty() || files_.wals.back() < oldest_wal) {
      AddFault("db/" + StoredFiles::WalName(oldest_wal), "the write-ahead log is missing", kRestoreAdvice);
      return absl::OkStatus();
    }
    known_.next_number = store_->db().GetLatestSequenceNumber() + 1;
    for (size_t i = 0; i < kNumbered.size(); ++i) {
      rocksdb::ColumnFamilyHandle* const family = store_->family(kNumbered[i]);
      ids_[i] = family->GetID();
      const std::unique_ptr<rocksdb::Iterator> it = store_->Iterate(family);
      it->SeekToLast();
      if (it->Valid()) {
        known_.newest[i] = format::NumberOf(TextOf(it->key())).value_or(0);
      } else if (!it->status().ok()) {
        return Judge(fmt::format("db, column family {}", kNumbered[i]), it->status());
      }
    }
    for (const std::string_view key : {format::kTrimmedKey, format::kStateKey}) {
      const absl::StatusOr<std::optional<std::string>> value = store_->Get(store_->facts(), key);
      if (value.ok() && value->has_value()) {
        known_.SetFact(key, **value);
      }
    }
    return absl::OkStatus();
  }

  absl::Status ReadWals() {
    if (store_ == nullptr) {
      return absl::OkStatus();
    }
    for (const uint64_t wal : files_.wals) {
      const absl::StatusOr<RecordFile> read =
          ReadRecordFile(WalPath(wal), [&](uint64_t offset, std::string_view record) { Take(wal, offset, record); });
      if (!read.ok()) {
        return read.status();
      }
      if (read->record_after_damage.has_value()) {
        AddFault("db/" + StoredFiles::WalName(wal),
                 fmt::format("damaged from byte {} on, and what was stored later follows at byte {}", read->whole_bytes,
                             *read->record_after_damage),
                 kRestoreAdvice);
      }
      if (read->records > 0) {
        result_.wal_tail.reset();
      }
      if (!read->whole()) {
        result_.wal_tail = FileTail{"db/" + StoredFiles::WalName(wal), read->whole_bytes, read->bytes};
      }
    }
    return absl::OkStatus();
  }

  // A record is the number of its first write (8 bytes), how many there are (4 bytes), and the writes.
  void Take(uint64_t wal, uint64_t offset, std::string_view record) {
    if (!result_.faults.empty()) {
      return;
    }
    uint64_t number = 0;
    uint64_t count = 0;
    wire::Reader header(record);
    const bool complete = header.Fixed(8, number) && header.Fixed(4, count);
    // Taking in a file of postings may use one number.
    if (complete && number > known_.next_number + 1) {
      AddFault("db/" + StoredFiles::WalName(wal),
               fmt::format("{} writes before byte {} are missing", number - known_.next_number, offset),
               kRestoreAdvice);
      return;
    }
    WriteReader reader(known_, ids_);
    if (!complete || !rocksdb::WriteBatch(std::string(record)).Iterate(&reader).ok()) {
      AddFault("db/" + StoredFiles::WalName(wal), fmt::format("what lies at byte {} is not a write", offset),
               kRestoreAdvice);
      return;
    }
    known_.next_number = std::max(known_.next_number, number + count);
  }

  // Tables that the manifest does not name: left by something that was interrupted, and then they hold nothing new.
  absl::Status ReadOrphans() {
    if (store_ == nullptr) {
      return absl::OkStatus();
    }
    std::vector<rocksdb::LiveFileMetaData> live;
    store_->db().GetLiveFilesMetaData(&live);
    for (const uint64_t table : files_.tables) {
      if (std::none_of(live.begin(), live.end(), [&](const auto& file) { return file.file_number == table; })) {
        ReadOrphan(table);
      }
    }
    return absl::OkStatus();
  }

  void ReadOrphan(uint64_t table) {
    const std::string name = StoredFiles::TableName(table);
    rocksdb::SstFileReader reader{rocksdb::Options()};
    if (!reader.Open(fmt::format("{}/{}", database_, name)).ok()) {
      return;  // never finished
    }
    const auto family = std::find(kNumbered.begin(), kNumbered.end(),
                                  std::string_view(reader.GetTableProperties()->column_family_name));
    const std::unique_ptr<rocksdb::Iterator> it(reader.NewIterator(rocksdb::ReadOptions()));
    it->SeekToLast();
    if (family == kNumbered.end() || !it->Valid()) {
      return;
    }
    const uint64_t key = format::NumberOf(TextOf(it->key())).value_or(0);
    if (key > known_.newest[static_cast<size_t>(family - kNumbered.begin())] && key >= known_.trimmed.earliest) {
      AddFault(
          "db/" + name,
          fmt::format("the table holds {} up to {}, and the manifest does not know it: the manifest has lost its end",
                      *family, key),
          kRestoreAdvice);
    }
  }

  std::string WalPath(uint64_t wal) const { return fmt::format("{}/{}", database_, StoredFiles::WalName(wal)); }

  const std::string directory_;
  const std::string database_;
  StoredFiles files_;
  std::optional<FileTail> manifest_tail_;
  Known known_;
  std::array<uint32_t, 3> ids_ = {};
  std::unique_ptr<RocksDbStore> store_;  // null: nothing was ever stored
  Preflight result_;
};

}  // namespace

absl::StatusOr<StoredFiles> StoredFiles::List(const std::string& database) {
  StoredFiles files;
  std::error_code error;
  files.exists = std::filesystem::is_directory(database, error);
  error.clear();
  for (std::filesystem::directory_iterator it(database, error), end; !error && it != end; it.increment(error)) {
    const std::filesystem::path& path = it->path();
    if (path.filename() == "CURRENT") {
      files.current = true;
    } else if (const std::optional<uint64_t> wal = NumberOfFile(path, ".log")) {
      files.wals.push_back(*wal);
    } else if (const std::optional<uint64_t> table = NumberOfFile(path, ".sst")) {
      files.tables.push_back(*table);
    }
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return absl::UnavailableError(fmt::format("{} cannot be read: {}", database, error.message()));
  }
  std::sort(files.wals.begin(), files.wals.end());
  std::sort(files.tables.begin(), files.tables.end());
  return files;
}

std::string StoredFiles::WalName(uint64_t number) { return fmt::format("{:06}.log", number); }
std::string StoredFiles::TableName(uint64_t number) { return fmt::format("{:06}.sst", number); }

absl::StatusOr<Preflight> Inspect(const std::string& directory) { return Inspector(directory).Run(); }

}  // namespace weir::log
