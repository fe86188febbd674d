#include "log/rocksdb_testing.h"

#include <stdlib.h>  // NOLINT: mkdtemp is POSIX, not C++

#include <algorithm>
#include <cstdlib>
#include <utility>

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

FailingDisk::FailingDisk()
    : env_(rocksdb::NewCompositeEnv(std::make_shared<FailingFileSystem>(fail_syncs_, fail_writes_))) {}

FailingDisk::~FailingDisk() = default;

}  // namespace weir::log
