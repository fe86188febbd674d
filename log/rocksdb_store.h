// The RocksDB of a log: its options, its column families, and the few operations that the engine composes.
#ifndef WEIR_LOG_ROCKSDB_STORE_H_
#define WEIR_LOG_ROCKSDB_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "log/log_directory.h"
#include "log/segment.h"
#include "log/segment_index.h"
#include "rocksdb/db.h"
#include "rocksdb/write_batch.h"

namespace weir::log {

inline rocksdb::Slice SliceOf(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view TextOf(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

// DATA_LOSS for corruption, UNAVAILABLE for the rest, with `what` failed.
absl::Status FromRocksDb(const rocksdb::Status& status, std::string_view what);

class RemovedEventsFilter;

// Of the file system of `path`; the most when that cannot be told: then the write itself will tell.
uint64_t FreeBytes(const std::string& path);

// Any thread.
class RocksDbStore {
 public:
  static constexpr size_t kFamilies = 5;

  // `open_files_max` is RocksDbOptions'. `on_background_error` is called from RocksDB's threads: nothing can be written
  // any more.
  static absl::StatusOr<std::unique_ptr<RocksDbStore>> Open(LogDirectory directory, uint64_t open_files_max,
                                                            rocksdb::Env* env,
                                                            std::function<void(absl::Status)> on_background_error);

  // Changes nothing on disk; nobody else may write. With the write-ahead logs everything in them is read into memory.
  // Null when it cannot be opened: then `status` says why.
  enum class Wal { kRead, kIgnore };
  static std::unique_ptr<RocksDbStore> OpenReadOnly(const std::string& directory, Wal wal, rocksdb::Status& status);
  ~RocksDbStore();

  rocksdb::ColumnFamilyHandle* facts() const { return families_[0]; }
  rocksdb::ColumnFamilyHandle* events() const { return families_[1]; }
  rocksdb::ColumnFamilyHandle* segments() const { return families_[2]; }
  rocksdb::ColumnFamilyHandle* postings() const { return families_[3]; }
  rocksdb::ColumnFamilyHandle* dedupe() const { return families_[4]; }
  // One of format::kEvents, …
  rocksdb::ColumnFamilyHandle* family(std::string_view name) const;

  absl::Status Write(rocksdb::WriteBatch& batch, bool sync);
  // Null when the key is not there.
  absl::StatusOr<std::optional<std::string>> Get(rocksdb::ColumnFamilyHandle* family, std::string_view key) const;
  // Must be gone before the store is.
  std::unique_ptr<rocksdb::Iterator> Iterate(rocksdb::ColumnFamilyHandle* family) const;
  // The same for who reads much, and once: it is not kept in memory.
  std::unique_ptr<rocksdb::Iterator> IterateOnce(rocksdb::ColumnFamilyHandle* family) const;

  // Writes a segment's postings into a file and takes it into the database. One thread at a time.
  absl::Status IngestPostings(uint64_t segment_first, const SegmentIndex& index);
  // All column families, so that none of them keeps an old write-ahead log alive.
  absl::Status Flush();
  // Whether what it writes would fit. One without room would poison the log.
  bool HasRoomToFlush() const;
  // What is known about the log as a whole: then it does not hang on the write-ahead log any more. Where hardly any
  // space is left, nothing is done.
  absl::Status FlushFacts();
  // A copy of the database in a new directory, mostly of links: consistent when nothing is ingested meanwhile.
  absl::Status Copy(const std::string& directory);
  // Removes [begin, end), durably, and gives the space of whole files back.
  absl::Status RemoveRange(rocksdb::ColumnFamilyHandle* family, uint64_t begin, uint64_t end);
  // Gives the space of tables back that hold only events before `earliest`, and lets compactions leave out what is in
  // others; they must not be read any more, and each call names at least what the one before did.
  absl::Status RemoveEventsBefore(uint64_t earliest);
  // Then: compacts those others. False: some are being compacted, or there is no room for what stays of them; ask again
  // later.
  absl::StatusOr<bool> CutEventsBefore(uint64_t earliest);
  // What was written without sync.
  absl::Status Sync();

  const std::string& path() const { return path_; }
  // Only of a store that was opened for writing.
  const LogDirectory& directory() const { return *directory_; }
  rocksdb::DB& db() const { return *db_; }

 private:
  explicit RocksDbStore(std::string path);

  const std::string path_;
  std::optional<LogDirectory> directory_;         // unless it is read only
  std::unique_ptr<RemovedEventsFilter> removed_;  // the same; RocksDB's threads use it
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> families_;
};

}  // namespace weir::log

#endif  // WEIR_LOG_ROCKSDB_STORE_H_
