// Checks, and repairs, a log on disk that no server has open. docs/operations.md says when.
#ifndef WEIR_LOG_LOG_CHECK_H_
#define WEIR_LOG_LOG_CHECK_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "log/content_check.h"
#include "log/log_fault.h"

namespace weir::log {

struct LogReport {
  Faults faults;
  // Absent when the log cannot be opened.
  std::optional<LogContent> content;
  std::string epoch;              // empty: the log was never opened
  bool new_epoch = false;         // the next opening gives it another
  uint64_t unfinished_bytes = 0;  // at the end of the write-ahead log: a write that was never acknowledged
};

// Reads all of it and changes nothing; what is in the write-ahead log is held in memory, at most about 1 GiB. Errors
// are those of LogDirectory::Visit, and UNAVAILABLE when the disk cannot be read: what is wrong with the log is in the
// report.
absl::StatusOr<LogReport> CheckLog(const std::string& directory);

// What a repair took away.
struct CutTail {
  std::string file;     // of the write-ahead log, within the directory
  uint64_t offset = 0;  // the first byte that is gone
  uint64_t bytes = 0;   // how many
  std::string copy;     // where they were put, within the directory
};

struct TailRepair {
  std::vector<CutTail> cuts;   // empty: the end is good, nothing was changed
  uint64_t next_sequence = 1;  // events from here on are gone, if what was cut held any
};

// Cuts from the end of the write-ahead log, and of the manifest, what RocksDB does not take for the end of an
// unfinished write, keeps a copy of it, and has the next opening give the log a new epoch: what was acknowledged last
// may be gone. DATA_LOSS when that does not help, because the damage is not at the end; else the errors of CheckLog.
// Then nothing was cut.
absl::StatusOr<TailRepair> RepairTail(const std::string& directory);

}  // namespace weir::log

#endif  // WEIR_LOG_LOG_CHECK_H_
