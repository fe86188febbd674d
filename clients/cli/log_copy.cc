#include "clients/cli/log_copy.h"

#include <fcntl.h>
#include <stdio.h>  // NOLINT: renameat2 is Linux's, not C++
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/text.h"
#include "fmt/format.h"
#include "log/crc32c.h"
#include "log/log_directory.h"

namespace weir::cli {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kDirectoryMode = 0750;  // as that of the log

std::string CannotWriteText(const std::string& path, int error) {
  return fmt::format("{} cannot be written: {}", path, std::strerror(error));
}

absl::Status CannotWrite(const std::string& path, int error) {
  return absl::UnavailableError(CannotWriteText(path, error));
}

absl::Status Unexpected(std::string_view what) { return absl::DataLossError(fmt::format("the server sent {}", what)); }

absl::Status SyncDirectory(const std::string& path) {
  const int directory = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = directory >= 0 && fsync(directory) == 0;
  const int error = errno;
  if (directory >= 0) {
    close(directory);
  }
  return synced ? absl::OkStatus() : CannotWrite(path, error);
}

// `NAME` or `db/NAME`: nothing that leads out of the directory.
bool IsName(std::string_view name) {
  if (name.starts_with("db/")) {
    name.remove_prefix(3);
  }
  const auto is_alphanumeric = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !name.empty() && name.size() <= 200 && is_alphanumeric(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return is_alphanumeric(c) || c == '.' || c == '_' || c == '-'; });
}

// Renames a directory to a name that is not taken. 0 or an errno.
int RenameToNew(const std::string& from, const std::string& to) {
  if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) {
    return 0;
  }
  if (errno != EINVAL && errno != ENOSYS) {
    return errno;
  }
  // NFS, for one, knows no flags. Without them a directory takes the place of an empty one at most.
  std::error_code error;
  if (fs::exists(fs::symlink_status(to, error))) {
    return EEXIST;
  }
  if (rename(from.c_str(), to.c_str()) == 0) {
    return 0;
  }
  return errno == ENOTEMPTY || errno == ENOTDIR ? EEXIST : errno;
}

// What a copy that was interrupted has left holds nothing else than a log.
bool IsLeftOver(const std::string& path) {
  std::error_code error;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename();
    if (name != "db" && name != "LOCK" && name != log::LogDirectory::kMarker && name != log::LogDirectory::kNewEpoch) {
      return false;
    }
  }
  return !error;
}

}  // namespace

absl::StatusOr<LogCopy> LogCopy::Begin(const std::string& given) {
  std::string directory = given;
  while (directory.size() > 1 && directory.ends_with('/')) {
    directory.pop_back();
  }
  const std::string unfinished = directory + ".unfinished";
  std::error_code error;
  if (fs::exists(fs::symlink_status(directory, error))) {
    return absl::FailedPreconditionError(fmt::format("{} is there already; give a new directory", directory));
  }
  if (fs::exists(fs::symlink_status(unfinished, error)) && !IsLeftOver(unfinished)) {
    return absl::FailedPreconditionError(
        fmt::format("{} is there, and is no unfinished backup; remove it, or give another directory", unfinished));
  }
  mkdir(unfinished.c_str(), kDirectoryMode);
  // The directory itself: the log's own lock is wanted for the check.
  const int lock = open(unfinished.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock < 0) {
    return CannotWrite(unfinished, errno);
  }
  LogCopy copy(directory, unfinished, lock);
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    const int why = errno;
    copy.unfinished_.clear();  // another's
    return why == EWOULDBLOCK
               ? absl::AlreadyExistsError(fmt::format("another backup is being written to {}", unfinished))
               : CannotWrite(unfinished, why);
  }
  for (const char* name : {"db", log::LogDirectory::kMarker, log::LogDirectory::kNewEpoch}) {
    fs::remove_all(fmt::format("{}/{}", unfinished, name), error);
  }
  if (mkdir((unfinished + "/db").c_str(), kDirectoryMode) != 0) {
    return CannotWrite(unfinished, errno);
  }
  return copy;
}

LogCopy::LogCopy(std::string directory, std::string unfinished, int lock)
    : directory_(std::move(directory)), unfinished_(std::move(unfinished)), lock_(lock) {}

LogCopy::LogCopy(LogCopy&& other) noexcept
    : directory_(std::move(other.directory_)),
      unfinished_(std::exchange(other.unfinished_, std::string())),
      lock_(std::exchange(other.lock_, -1)),
      header_(std::move(other.header_)),
      has_header_(other.has_header_),
      files_(other.files_),
      name_(std::move(other.name_)),
      file_(std::exchange(other.file_, -1)),
      left_(other.left_),
      crc_(other.crc_) {}

LogCopy::~LogCopy() {
  if (file_ >= 0) {
    close(file_);
  }
  if (!unfinished_.empty()) {
    std::error_code error;
    fs::remove_all(unfinished_, error);
  }
  if (lock_ >= 0) {
    close(lock_);
  }
}

absl::Status LogCopy::Take(const v1::BackupResponse& message) {
  const bool is_header = message.kind_case() == v1::BackupResponse::kHeader;
  if (is_header == has_header_) {
    return Unexpected(is_header ? "a second header" : "no header");
  }
  switch (message.kind_case()) {
    case v1::BackupResponse::kHeader:
      header_ = message.header();
      has_header_ = true;
      return absl::OkStatus();
    case v1::BackupResponse::kFile:
      return TakeFile(message.file());
    case v1::BackupResponse::kData:
      return TakeData(message.data());
    case v1::BackupResponse::kFileEnd:
      return TakeEnd(message.file_end().crc32c());
    default:
      return Unexpected("something that this version of weir does not know");
  }
}

absl::Status LogCopy::TakeFile(const v1::BackupFile& file) {
  if (file_ >= 0 || !IsName(file.name())) {
    return Unexpected(fmt::format("the file \"{}\" where none can be", Quotable(file.name())));
  }
  name_ = fmt::format("{}/{}", unfinished_, file.name());
  file_ = open(name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
  left_ = file.bytes();
  crc_ = 0;
  return file_ >= 0 ? absl::OkStatus() : CannotWrite(name_, errno);
}

absl::Status LogCopy::TakeData(std::string_view data) {
  if (file_ < 0 || data.size() > left_) {
    return Unexpected("more than it had announced");
  }
  left_ -= data.size();
  crc_ = log::Crc32c(data, crc_);
  while (!data.empty()) {
    const ssize_t written = write(file_, data.data(), data.size());
    if (written < 0 && errno != EINTR) {
      return CannotWrite(name_, errno);
    }
    data.remove_prefix(static_cast<size_t>(std::max<ssize_t>(written, 0)));
  }
  return absl::OkStatus();
}

absl::Status LogCopy::TakeEnd(uint32_t crc32c) {
  if (file_ < 0 || left_ > 0 || crc_ != crc32c) {
    return Unexpected(fmt::format("{} not whole", name_));
  }
  const bool synced = fsync(file_) == 0;
  const int error = errno;
  close(std::exchange(file_, -1));
  ++files_;
  return synced ? absl::OkStatus() : CannotWrite(name_, error);
}

absl::Status LogCopy::Complete() {
  if (!has_header_ || file_ >= 0 || files_ != header_.file_count()) {
    return Unexpected(fmt::format("{} of {} files", files_, header_.file_count()));
  }
  const absl::Status status = SyncDirectory(unfinished_ + "/db");
  return status.ok() ? SyncDirectory(unfinished_) : status;
}

absl::Status LogCopy::Finish() {
  const std::string whole = std::exchange(unfinished_, std::string());  // is not removed any more, whatever happens
  if (const int error = RenameToNew(whole, directory_); error != 0) {
    const std::string why =
        error == EEXIST ? fmt::format("{} is there already", directory_) : CannotWriteText(directory_, error);
    return absl::UnavailableError(fmt::format("{}; the copy is whole, and stays in {}: rename it", why, whole));
  }
  const std::string parent = fs::path(directory_).parent_path();
  return SyncDirectory(parent.empty() ? "." : parent);
}

}  // namespace weir::cli
