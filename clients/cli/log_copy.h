// A log that is received file by file: written beside its place, and put there when it is whole.
#ifndef WEIR_CLIENTS_CLI_LOG_COPY_H_
#define WEIR_CLIENTS_CLI_LOG_COPY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "weir/v1/maintenance.pb.h"

namespace weir::cli {

// Writes into `DIR.unfinished`, which it removes again unless Finish is reached. One thread. Errors are sentences:
// FAILED_PRECONDITION: DIR is there; UNAVAILABLE: it cannot be written; DATA_LOSS: what came is not what was announced.
class LogCopy {
 public:
  // Removes what an interrupted copy to the same place has left; ALREADY_EXISTS when one is under way.
  static absl::StatusOr<LogCopy> Begin(const std::string& directory);

  LogCopy(LogCopy&& other) noexcept;
  LogCopy& operator=(LogCopy&& other) = delete;
  ~LogCopy();

  // The next message of the backup.
  absl::Status Take(const v1::BackupResponse& message);
  // All messages came: everything that was announced is there, and on disk.
  absl::Status Complete();
  // Where the files are, to be checked before Finish.
  const std::string& unfinished() const { return unfinished_; }
  uint64_t head() const { return header_.head_sequence(); }
  // Puts the directory in its place; when that fails the copy stays in `DIR.unfinished`, and the error says so.
  absl::Status Finish();

 private:
  LogCopy(std::string directory, std::string unfinished, int lock);

  absl::Status TakeFile(const v1::BackupFile& file);
  absl::Status TakeData(std::string_view data);
  absl::Status TakeEnd(uint32_t crc32c);

  std::string directory_;
  std::string unfinished_;
  int lock_;
  v1::BackupHeader header_;
  bool has_header_ = false;
  uint32_t files_ = 0;
  std::string name_;  // of the file that is being written
  int file_ = -1;
  uint64_t left_ = 0;
  uint32_t crc_ = 0;
};

}  // namespace weir::cli

#endif  // WEIR_CLIENTS_CLI_LOG_COPY_H_
