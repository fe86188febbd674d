#include "log/rocksdb_snapshot.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "fmt/format.h"

namespace weir::log {
namespace {

class Snapshot : public LogSnapshot {
 public:
  Snapshot(std::string directory, const Bounds& bounds) : directory_(std::move(directory)), bounds_(bounds) {}
  ~Snapshot() override {
    std::error_code error;
    std::filesystem::remove_all(directory_, error);  // what is left goes when the log is opened next
  }

  // The database is there; the rest of a log is added.
  absl::Status Complete() {
    std::ofstream marker(fmt::format("{}/{}", directory_, LogDirectory::kMarker));
    marker << LogDirectory::MarkerText();
    marker.close();
    std::ofstream new_epoch(fmt::format("{}/{}", directory_, LogDirectory::kNewEpoch));
    new_epoch.close();
    std::error_code error;
    std::filesystem::recursive_directory_iterator it(directory_, error);
    for (const std::filesystem::recursive_directory_iterator end; !error && it != end; it.increment(error)) {
      if (it->is_regular_file(error)) {
        files_.push_back({it->path().lexically_relative(directory_), it->path(), it->file_size(error)});
      }
    }
    if (error || !marker || !new_epoch) {
      return absl::UnavailableError(fmt::format("the copy of the log in {} cannot be written", directory_));
    }
    std::sort(files_.begin(), files_.end(), [](const File& a, const File& b) { return a.name < b.name; });
    return absl::OkStatus();
  }

  const Bounds& bounds() const override { return bounds_; }
  const std::vector<File>& files() const override { return files_; }

 private:
  const std::string directory_;
  const Bounds bounds_;
  std::vector<File> files_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<LogSnapshot>> TakeSnapshot(RocksDbStore& store, const Bounds& bounds) {
  const std::string directory = store.directory().backup();
  std::error_code error;
  if (!std::filesystem::create_directory(directory, error)) {
    return error ? absl::UnavailableError(fmt::format("{} cannot be made: {}", directory, error.message()))
                 : absl::FailedPreconditionError(fmt::format("a copy of the log in {} is being made", store.path()));
  }
  auto snapshot = std::make_unique<Snapshot>(directory, bounds);
  absl::Status status = store.Copy(directory + "/db");
  if (status.ok()) {
    status = snapshot->Complete();
  }
  if (!status.ok()) {
    return status;
  }
  return snapshot;
}

absl::Status RemoveSnapshot(const LogDirectory& directory) {
  std::error_code error;
  std::filesystem::remove_all(directory.backup(), error);
  return error ? absl::UnavailableError(fmt::format("{} cannot be removed: {}", directory.backup(), error.message()))
               : absl::OkStatus();
}

}  // namespace weir::log
