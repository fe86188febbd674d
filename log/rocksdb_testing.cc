#include "log/rocksdb_testing.h"

#include <stdlib.h>  // NOLINT: mkdtemp is POSIX, not C++
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <utility>

#include "gtest/gtest.h"
#include "rocksdb/file_system.h"

namespace weir::log {
namespace {

using Flag = std::shared_ptr<std::atomic<bool>>;

class FailingFile : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  FailingFile(std::unique_ptr<rocksdb::FSWritableFile> file, Flag fail_syncs, Flag fail_writes)
      : FSWritableFileOwnerWrapper(std::move(file)),
        fail_syncs_(std::move(fail_syncs)),
        fail_writes_(std::move(fail_writes)) {}

  using FSWritableFileOwnerWrapper::Append;
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* context) override {
    return *fail_writes_ ? rocksdb::IOStatus::IOError("the test's disk does not write")
                         : FSWritableFileOwnerWrapper::Append(data, options, context);
  }
  rocksdb::IOStatus Sync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* context) override {
    return *fail_syncs_ ? rocksdb::IOStatus::IOError("the test's disk does not sync")
                        : FSWritableFileOwnerWrapper::Sync(options, context);
  }
  rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* context) override {
    return Sync(options, context);
  }

 private:
  const Flag fail_syncs_;
  const Flag fail_writes_;
};

class FailingFileSystem : public rocksdb::FileSystemWrapper {
 public:
  FailingFileSystem(Flag fail_syncs, Flag fail_writes)
      : FileSystemWrapper(rocksdb::FileSystem::Default()),
        fail_syncs_(std::move(fail_syncs)),
        fail_writes_(std::move(fail_writes)) {}

  const char* Name() const override { return "FailingFileSystem"; }

  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* context) override {
    const rocksdb::IOStatus status = FileSystemWrapper::NewWritableFile(name, options, file, context);
    if (status.ok() && name.ends_with(".log")) {
      *file = std::make_unique<FailingFile>(std::move(*file), fail_syncs_, fail_writes_);
    }
    return status;
  }

 private:
  const Flag fail_syncs_;
  const Flag fail_writes_;
};

}  // namespace

TempDirectory::TempDirectory() {
  std::string name = std::filesystem::temp_directory_path() / "weir-log-test-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) {
    std::abort();
  }
  path_ = name;
}

TempDirectory::~TempDirectory() {
  std::error_code error;
  std::filesystem::remove_all(path_, error);
}

std::vector<std::filesystem::path> DatabaseFiles(const std::string& directory, const std::string& extension) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory + "/db")) {
    if (entry.path().extension() == extension) {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

CrashWriter::CrashWriter(const std::string& directory, const std::string& sync, const std::string& prefix, size_t count)
    : count_(count) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  pid_ = fork();
  if (pid_ == 0) {
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    execl(WEIR_LOG_CRASH_WRITER, WEIR_LOG_CRASH_WRITER, directory.c_str(), sync.c_str(), prefix.c_str(),
          count_ == 0 ? nullptr : std::to_string(count_).c_str(), nullptr);
    _exit(127);
  }
  close(ends[1]);
  acks_ = fdopen(ends[0], "r");
}

CrashWriter::~CrashWriter() {
  if (acks_ != nullptr) {
    KillAfter(0);
  }
}

std::vector<uint64_t> CrashWriter::KillAfter(size_t count) {
  std::vector<uint64_t> acked;
  unsigned long long sequence = 0;
  if (count == 0) {
    kill(pid_, SIGKILL);
  }
  while (std::fscanf(acks_, "%llu", &sequence) == 1) {
    acked.push_back(sequence);
    if (acked.size() == count) {
      kill(pid_, SIGKILL);
    }
  }
  std::fclose(acks_);
  acks_ = nullptr;
  int status = 0;
  waitpid(pid_, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the writer ended by itself with status " << status;
  return acked;
}

std::vector<uint64_t> CrashWriter::KillWhenIdle() {
  std::vector<uint64_t> acked;
  unsigned long long sequence = 0;
  while (acked.size() < count_ + 98 && std::fscanf(acks_, "%llu", &sequence) == 1) {
    acked.push_back(sequence);
  }
  KillAfter(0);
  return acked;
}

FailingDisk::FailingDisk()
    : env_(rocksdb::NewCompositeEnv(std::make_shared<FailingFileSystem>(fail_syncs_, fail_writes_))) {}

FailingDisk::~FailingDisk() = default;

}  // namespace weir::log
