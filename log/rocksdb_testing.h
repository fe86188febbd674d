// Directories, logs and failing disks for the tests of the log on disk.
#ifndef WEIR_LOG_ROCKSDB_TESTING_H_
#define WEIR_LOG_ROCKSDB_TESTING_H_

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "log/rocksdb_engine.h"
#include "rocksdb/env.h"

namespace weir::log {

// A new directory under the system's for temporary files; removed with all it holds.
class TempDirectory {
 public:
  TempDirectory();
  ~TempDirectory();
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::string Sub(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

// The files of a log's database that end so, oldest first.
std::vector<std::filesystem::path> DatabaseFiles(const std::string& directory, const std::string& extension);

// A disk whose syncs or writes of the write-ahead log fail while a test says so. Must outlive the log.
class FailingDisk {
 public:
  FailingDisk();
  ~FailingDisk();

  rocksdb::Env* env() { return env_.get(); }
  void FailSyncs(bool fail) { *fail_syncs_ = fail; }
  void FailWrites(bool fail) { *fail_writes_ = fail; }

 private:
  std::shared_ptr<std::atomic<bool>> fail_syncs_ = std::make_shared<std::atomic<bool>>(false);
  std::shared_ptr<std::atomic<bool>> fail_writes_ = std::make_shared<std::atomic<bool>>(false);
  std::unique_ptr<rocksdb::Env> env_;
};

}  // namespace weir::log

#endif  // WEIR_LOG_ROCKSDB_TESTING_H_
