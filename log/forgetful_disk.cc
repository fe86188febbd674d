#include "log/forgetful_disk.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "rocksdb/file_system.h"

namespace weir::log {

namespace fs = std::filesystem;

// Any thread.
class ForgetfulDisk::State {
 public:
  explicit State(uint64_t syncs) : syncs_left_(syncs) {}

  // OK while there is power.
  rocksdb::IOStatus Power() const {
    const std::lock_guard lock(mutex_);
    return cut_ ? rocksdb::IOStatus::IOError("the test's power is off") : rocksdb::IOStatus::OK();
  }
  // The same; one sync less is left.
  rocksdb::IOStatus TakeSync() {
    {
      const std::lock_guard lock(mutex_);
      cut_ = cut_ || syncs_left_ == 0;
      syncs_left_ -= cut_ ? 0 : 1;
    }
    return Power();
  }

  void Made(const std::string& name) {
    const std::lock_guard lock(mutex_);
    files_[name] = File();
  }
  void Synced(const std::string& name, uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    files_[name].synced_bytes = bytes;
  }
  void Linked(const std::string& from, const std::string& to) {
    const std::lock_guard lock(mutex_);
    File file = Find(from);
    file.name_synced = false;
    files_[to] = file;
  }
  void Renamed(const std::string& from, const std::string& to, std::optional<std::string> replaced) {
    Linked(from, to);
    const std::lock_guard lock(mutex_);
    files_[to].replaced = std::move(replaced);
    files_.erase(from);
  }
  void Deleted(const std::string& name) {
    const std::lock_guard lock(mutex_);
    files_.erase(name);
  }
  void DirectorySynced(const std::string& directory) {
    const std::lock_guard lock(mutex_);
    for (auto& [name, file] : files_) {
      if (fs::path(name).parent_path() == fs::path(directory + "/").parent_path()) {
        file.name_synced = true;
        file.replaced.reset();
      }
    }
  }

  void Cut() {
    const std::lock_guard lock(mutex_);
    cut_ = true;
  }
  bool cut() const {
    const std::lock_guard lock(mutex_);
    return cut_;
  }

  void Forget(Unsynced unsynced, std::mt19937_64& random) {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, file] : files_) {
      if (!fs::exists(name)) {
        continue;
      }
      if (!file.name_synced) {
        fs::remove(name);
        if (file.replaced.has_value()) {
          std::ofstream(name, std::ios::binary) << *file.replaced;
        }
        continue;
      }
      const uint64_t size = fs::file_size(name);
      if (size <= file.synced_bytes) {
        continue;
      }
      const uint64_t lost = size - file.synced_bytes;
      const uint64_t kept = unsynced == Unsynced::kGone ? 0 : random() % (lost + 1);
      fs::resize_file(name, file.synced_bytes + kept);
      if (unsynced == Unsynced::kGarbage) {
        std::string garbage;
        while (garbage.size() < lost - kept) {
          garbage.push_back(static_cast<char>(random()));
        }
        std::ofstream(name, std::ios::binary | std::ios::app) << garbage;
      }
    }
  }

 private:
  struct File {
    uint64_t synced_bytes = 0;
    bool name_synced = false;
    std::optional<std::string> replaced;  // what the name stands for when it is not synced
  };

  // A file that was there before keeps what it has.
  File Find(const std::string& name) const {
    const auto it = files_.find(name);
    return it == files_.end() ? File{UINT64_MAX, true, std::nullopt} : it->second;
  }

  mutable std::mutex mutex_;
  uint64_t syncs_left_;
  bool cut_ = false;
  std::map<std::string, File> files_;
};

namespace {

using StatePtr = std::shared_ptr<ForgetfulDisk::State>;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

// Tables seem to be written also without power; nothing refers to them, since the manifest is not. RocksDB 7.8 with
// assertions, as Debian builds it, aborts when a compaction that leaves nothing cannot write its empty table; but no
// program ever sees that its power went.
class File : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  File(std::unique_ptr<rocksdb::FSWritableFile> file, std::string name, StatePtr state)
      : FSWritableFileOwnerWrapper(std::move(file)),
        name_(std::move(name)),
        is_table_(name_.ends_with(".sst")),
        state_(std::move(state)) {}

  using FSWritableFileOwnerWrapper::Append;
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options, IODebugContext* context) override {
    const IOStatus power = state_->Power();
    return power.ok() || is_table_ ? FSWritableFileOwnerWrapper::Append(data, options, context) : power;
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* context) override {
    // What was written before; more may come meanwhile.
    const uint64_t bytes = GetFileSize(options, context);
    IOStatus status = state_->TakeSync();
    if (!status.ok() && is_table_) {
      return IOStatus::OK();
    }
    if (status.ok()) {
      status = FSWritableFileOwnerWrapper::Sync(options, context);
    }
    if (status.ok()) {
      state_->Synced(name_, bytes);
    }
    return status;
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* context) override { return Sync(options, context); }

 private:
  const std::string name_;
  const bool is_table_;
  const StatePtr state_;
};

class Directory : public rocksdb::FSDirectoryWrapper {
 public:
  Directory(std::unique_ptr<rocksdb::FSDirectory> directory, std::string name, StatePtr state)
      : FSDirectoryWrapper(std::move(directory)), name_(std::move(name)), state_(std::move(state)) {}

  IOStatus Fsync(const IOOptions& options, IODebugContext* context) override {
    return Synced(FSDirectoryWrapper::Fsync(options, context));
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* context,
                               const rocksdb::DirFsyncOptions& how) override {
    return Synced(FSDirectoryWrapper::FsyncWithDirOptions(options, context, how));
  }

 private:
  IOStatus Synced(IOStatus status) {
    if (status.ok()) {
      status = state_->Power();
    }
    if (status.ok()) {
      state_->DirectorySynced(name_);
    }
    return status;
  }

  const std::string name_;
  const StatePtr state_;
};

class FileSystem : public rocksdb::FileSystemWrapper {
 public:
  explicit FileSystem(StatePtr state) : FileSystemWrapper(rocksdb::FileSystem::Default()), state_(std::move(state)) {}

  const char* Name() const override { return "ForgetfulFileSystem"; }

  IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* file, IODebugContext* context) override {
    IOStatus status = state_->Power();
    if (status.ok()) {
      status = FileSystemWrapper::NewWritableFile(name, options, file, context);
    }
    if (status.ok()) {
      state_->Made(name);
      *file = std::make_unique<File>(std::move(*file), name, state_);
    }
    return status;
  }
  IOStatus NewDirectory(const std::string& name, const IOOptions& options,
                        std::unique_ptr<rocksdb::FSDirectory>* directory, IODebugContext* context) override {
    const IOStatus status = FileSystemWrapper::NewDirectory(name, options, directory, context);
    if (status.ok()) {
      *directory = std::make_unique<Directory>(std::move(*directory), name, state_);
    }
    return status;
  }
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      IODebugContext* context) override {
    std::optional<std::string> replaced;
    if (fs::exists(to)) {
      std::ifstream in(to, std::ios::binary);
      replaced.emplace(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    }
    IOStatus status = state_->Power();
    if (status.ok()) {
      status = FileSystemWrapper::RenameFile(from, to, options, context);
    }
    if (status.ok()) {
      state_->Renamed(from, to, std::move(replaced));
    }
    return status;
  }
  IOStatus LinkFile(const std::string& from, const std::string& to, const IOOptions& options,
                    IODebugContext* context) override {
    IOStatus status = state_->Power();
    if (status.ok()) {
      status = FileSystemWrapper::LinkFile(from, to, options, context);
    }
    if (status.ok()) {
      state_->Linked(from, to);
    }
    return status;
  }
  IOStatus DeleteFile(const std::string& name, const IOOptions& options, IODebugContext* context) override {
    IOStatus status = state_->Power();
    if (status.ok()) {
      status = FileSystemWrapper::DeleteFile(name, options, context);
    }
    if (status.ok()) {
      state_->Deleted(name);
    }
    return status;
  }

 private:
  const StatePtr state_;
};

}  // namespace

ForgetfulDisk::ForgetfulDisk(uint64_t syncs)
    : state_(std::make_shared<State>(syncs)), env_(rocksdb::NewCompositeEnv(std::make_shared<FileSystem>(state_))) {}

ForgetfulDisk::~ForgetfulDisk() = default;

bool ForgetfulDisk::cut() const { return state_->cut(); }

void ForgetfulDisk::Cut() { state_->Cut(); }

void ForgetfulDisk::Forget(Unsynced unsynced, std::mt19937_64& random) { state_->Forget(unsynced, random); }

}  // namespace weir::log
