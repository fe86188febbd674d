// The directory of a log on disk: whose it is, and that only one process uses it.
//
//   WEIR-LOG   `weir-log 1` and a newline: this is a log, and its format
//   LOCK       locked (flock) while the log is open
//   db/        the RocksDB; made, empty, before the marker
//   sealing.sst  a postings file under construction; without meaning after a restart
//   NEW-EPOCH  the next opening gives the log a new epoch: it is a copy, or has lost its end
//   backup/    what a running backup reads: a log by itself; without meaning after a restart
#ifndef WEIR_LOG_LOG_DIRECTORY_H_
#define WEIR_LOG_LOG_DIRECTORY_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace weir::log {

// Holds the lock while it lives. Movable.
class LogDirectory {
 public:
  static constexpr int kFormat = 1;
  static constexpr char kMarker[] = "WEIR-LOG";
  static constexpr char kNewEpoch[] = "NEW-EPOCH";
  static constexpr char kDatabase[] = "db";
  // The content of the marker.
  static std::string MarkerText();

  // Makes the directory if it is missing, and marks it if it is empty. See OpenRocksDbLog for the errors.
  static absl::StatusOr<LogDirectory> Claim(const std::string& path);

  // A log that is there already, without a server: to be looked at (several may at once), or to be repaired. Makes
  // nothing. FAILED_PRECONDITION and PERMISSION_DENIED as above.
  enum class Use { kLook, kRepair };
  static absl::StatusOr<LogDirectory> Visit(const std::string& path, Use use);

  // What is in the directory has its names on disk.
  absl::Status Sync() const;

  // The log must get a new epoch when it is opened next. Durable when it returns.
  absl::Status DemandNewEpoch() const;
  bool new_epoch_demanded() const;
  // It got one, durably.
  absl::Status EpochRenewed() const;

  LogDirectory(LogDirectory&& other) noexcept;
  LogDirectory& operator=(LogDirectory&& other) = delete;
  ~LogDirectory();

  const std::string& path() const { return path_; }
  std::string database() const { return path_ + "/" + kDatabase; }
  std::string sealing_file() const { return path_ + "/sealing.sst"; }
  std::string backup() const { return path_ + "/backup"; }

 private:
  LogDirectory(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}

  std::string path_;
  int lock_;
};

}  // namespace weir::log

#endif  // WEIR_LOG_LOG_DIRECTORY_H_
