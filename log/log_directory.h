// The directory of a log on disk: whose it is, and that only one process uses it.
//
//   WEIR-LOG   `weir-log 1` and a newline: this is a log, and its format
//   LOCK       locked (flock) while the log is open
//   db/        the RocksDB
//   sealing.sst  a postings file under construction; without meaning after a restart
#ifndef WEIR_LOG_LOG_DIRECTORY_H_
#define WEIR_LOG_LOG_DIRECTORY_H_

#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace weir::log {

// Holds the lock while it lives. Movable.
class LogDirectory {
 public:
  static constexpr int kFormat = 1;

  // Makes the directory if it is missing, and marks it if it is empty. See OpenRocksDbLog for the errors.
  static absl::StatusOr<LogDirectory> Claim(const std::string& path);

  LogDirectory(LogDirectory&& other) noexcept;
  LogDirectory& operator=(LogDirectory&& other) = delete;
  ~LogDirectory();

  const std::string& path() const { return path_; }
  std::string database() const { return path_ + "/db"; }
  std::string sealing_file() const { return path_ + "/sealing.sst"; }

 private:
  LogDirectory(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}

  std::string path_;
  int lock_;
};

}  // namespace weir::log

#endif  // WEIR_LOG_LOG_DIRECTORY_H_
