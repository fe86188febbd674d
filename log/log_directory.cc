#include "log/log_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <system_error>

#include "absl/status/status.h"
#include "fmt/format.h"

namespace weir::log {
namespace {

constexpr std::string_view kUnfinishedMarker = "WEIR-LOG.new";
constexpr std::string_view kLock = "LOCK";
constexpr std::string_view kMagic = "weir-log ";

// An errno as the status of one sentence.
absl::Status Failed(std::string_view what, const std::string& path, int error) {
  const std::string text = fmt::format("the log's directory {} cannot be {}: {}", path, what, std::strerror(error));
  switch (error) {
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(text);
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
    case ELOOP:
      return absl::FailedPreconditionError(text);
    default:
      return absl::UnavailableError(text);
  }
}

absl::Status MakeIfMissing(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) == 0) {
    if (!S_ISDIR(info.st_mode)) {
      return absl::FailedPreconditionError(fmt::format("the log's directory {} is not a directory", path));
    }
    return faccessat(AT_FDCWD, path.c_str(), R_OK | W_OK | X_OK, AT_EACCESS) == 0 ? absl::OkStatus()
                                                                                  : Failed("written", path, errno);
  }
  if (errno != ENOENT) {
    return Failed("read", path, errno);
  }
  return mkdir(path.c_str(), 0750) == 0 ? absl::OkStatus() : Failed("made", path, errno);
}

// The number in the marker must be one that this version reads.
absl::Status CheckFormat(const std::string& path) {
  std::ifstream file(fmt::format("{}/{}", path, LogDirectory::kMarker));
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  int format = 0;
  if (text.starts_with(kMagic)) {
    std::from_chars(text.data() + kMagic.size(), text.data() + text.size(), format);
  }
  if (format <= 0) {
    return absl::FailedPreconditionError(fmt::format("{}/{} does not name a log format", path, LogDirectory::kMarker));
  }
  if (format > LogDirectory::kFormat) {
    return absl::FailedPreconditionError(
        fmt::format("the log in {} has format {}; this version of weir reads formats up to {}: use a newer one", path,
                    format, LogDirectory::kFormat));
  }
  return absl::OkStatus();
}

// Made before the marker is, so that a log without one has lost it.
bool IsEmptyDatabase(const std::filesystem::directory_entry& entry) {
  std::error_code error;
  return entry.path().filename() == LogDirectory::kDatabase && entry.is_directory(error) &&
         std::filesystem::is_empty(entry.path(), error) && !error;
}

// OK when the directory is marked as a log of our format, or holds nothing; `marked` says which.
absl::Status CheckContent(const std::string& path, bool& marked) {
  std::error_code error;
  std::filesystem::directory_iterator entries(path, error);
  if (error) {
    return Failed("read", path, error.value());
  }
  std::string foreign;
  marked = false;
  for (const std::filesystem::directory_entry& entry : entries) {
    const std::string name = entry.path().filename().string();
    if (name == LogDirectory::kMarker) {
      marked = true;
    } else if (name != kLock && name != kUnfinishedMarker && name != "lost+found" && !IsEmptyDatabase(entry)) {
      foreign = name;
    }
  }
  if (!marked) {
    return foreign.empty() ? absl::OkStatus()
                           : absl::FailedPreconditionError(fmt::format(
                                 "the directory {} holds something else than a log ({}); a new log needs an empty one",
                                 path, foreign));
  }
  return CheckFormat(path);
}

bool SyncDirectory(const std::string& path) {
  const int directory = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = directory >= 0 && fsync(directory) == 0;
  if (directory >= 0) {
    close(directory);
  }
  return synced;
}

// The directory that holds `path`.
std::string ParentOf(const std::string& path) {
  std::string trimmed = path;
  while (trimmed.size() > 1 && trimmed.ends_with('/')) {
    trimmed.pop_back();
  }
  const std::string parent = std::filesystem::path(trimmed).parent_path();
  return parent.empty() ? "." : parent;
}

// In place at once or not at all, and last: then the directory's own name is on disk, and there is a place for the
// database.
absl::Status Mark(const std::string& path) {
  const std::string text = LogDirectory::MarkerText();
  const std::string unfinished = fmt::format("{}/{}", path, kUnfinishedMarker);
  const std::string marker = fmt::format("{}/{}", path, LogDirectory::kMarker);
  const std::string database = fmt::format("{}/{}", path, LogDirectory::kDatabase);
  const int file = open(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  const bool written = file >= 0 && write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                       fsync(file) == 0 && (mkdir(database.c_str(), 0750) == 0 || errno == EEXIST) &&
                       SyncDirectory(path) && SyncDirectory(ParentOf(path)) &&
                       rename(unfinished.c_str(), marker.c_str()) == 0 && SyncDirectory(path);
  const int error = errno;
  if (file >= 0) {
    close(file);
  }
  return written ? absl::OkStatus() : Failed("written", path, error);
}

}  // namespace

absl::StatusOr<LogDirectory> LogDirectory::Claim(const std::string& path) {
  bool marked = false;
  if (absl::Status status = MakeIfMissing(path); !status.ok()) {
    return status;
  }
  if (absl::Status status = CheckContent(path, marked); !status.ok()) {
    return status;
  }
  const int lock = open(fmt::format("{}/{}", path, kLock).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (lock < 0) {
    return Failed("written", path, errno);
  }
  LogDirectory directory(path, lock);
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    return errno == EWOULDBLOCK
               ? absl::FailedPreconditionError(fmt::format("the log in {} is in use by another process", path))
               : Failed("locked", path, errno);
  }
  if (!marked) {
    if (absl::Status status = Mark(path); !status.ok()) {
      return status;
    }
  }
  return directory;
}

absl::StatusOr<LogDirectory> LogDirectory::Visit(const std::string& path, Use use) {
  bool marked = false;
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) {
    return Failed("read", path, errno);
  }
  if (absl::Status status = CheckContent(path, marked); !status.ok()) {
    return status;
  }
  if (!marked) {
    return absl::FailedPreconditionError(fmt::format("the directory {} holds no log", path));
  }
  // A log that was only ever copied has no lock file, and then nobody holds it.
  const int create = use == Use::kRepair ? O_CREAT : 0;
  const int lock = open(fmt::format("{}/{}", path, kLock).c_str(), O_RDONLY | O_CLOEXEC | create, 0640);
  if (lock < 0 && errno != ENOENT) {
    return Failed(use == Use::kRepair ? "written" : "read", path, errno);
  }
  LogDirectory directory(path, lock);
  if (lock >= 0 && flock(lock, (use == Use::kRepair ? LOCK_EX : LOCK_SH) | LOCK_NB) != 0) {
    return errno == EWOULDBLOCK
               ? absl::FailedPreconditionError(fmt::format("the log in {} is in use by another process; stop the "
                                                           "server first, or look at a copy (weir backup)",
                                                           path))
               : Failed("locked", path, errno);
  }
  return directory;
}

std::string LogDirectory::MarkerText() { return fmt::format("{}{}\n", kMagic, kFormat); }

absl::Status LogDirectory::Sync() const {
  return SyncDirectory(path_) ? absl::OkStatus() : Failed("synced", path_, errno);
}

absl::Status LogDirectory::DemandNewEpoch() const {
  const int file = open(fmt::format("{}/{}", path_, kNewEpoch).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
  if (file < 0) {
    return Failed("written", path_, errno);
  }
  close(file);
  return Sync();
}

bool LogDirectory::new_epoch_demanded() const {
  std::error_code error;
  return std::filesystem::exists(fmt::format("{}/{}", path_, kNewEpoch), error);
}

absl::Status LogDirectory::EpochRenewed() const {
  if (unlink(fmt::format("{}/{}", path_, kNewEpoch).c_str()) != 0 && errno != ENOENT) {
    return Failed("written", path_, errno);
  }
  return Sync();
}

LogDirectory::LogDirectory(LogDirectory&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

LogDirectory::~LogDirectory() {
  if (lock_ >= 0) {
    close(lock_);
  }
}

}  // namespace weir::log
