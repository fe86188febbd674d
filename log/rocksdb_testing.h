// Directories, logs and failing disks for the tests of the log on disk.
#ifndef WEIR_LOG_ROCKSDB_TESTING_H_
#define WEIR_LOG_ROCKSDB_TESTING_H_

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
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

// Another process that appends to a log with sync mode `always` or `never`, until it is killed; see
// log_crash_writer.cc.
class CrashWriter {
 public:
  // Appends events without end; or `count` events (a multiple of 7), and 98 more when what happens in the background
  // has come to its end.
  CrashWriter(const std::string& directory, const std::string& sync, const std::string& prefix, size_t count = 0);
  ~CrashWriter();

  // Reads `count` sequences that were acknowledged, kills the writer, and reads the rest of what it had acknowledged:
  // the event of the n-th has the id PREFIXn.
  std::vector<uint64_t> KillAfter(size_t count);
  // The same when all `count` + 98 events are acknowledged: only the last 98 are in the write-ahead log.
  std::vector<uint64_t> KillWhenIdle();

 private:
  const size_t count_;
  pid_t pid_ = 0;
  std::FILE* acks_ = nullptr;
};

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
