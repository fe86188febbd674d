// The log on disk, in one RocksDB. docs/log-format.md is the layout.
#ifndef WEIR_LOG_ROCKSDB_ENGINE_H_
#define WEIR_LOG_ROCKSDB_ENGINE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "log/log_engine.h"
#include "log/log_options.h"

namespace rocksdb {
class Env;
}  // namespace rocksdb

namespace weir::log {

// When an event counts as durable.
enum class SyncMode {
  kAlways,  // after fsync: survives power loss
  kNever,   // after write: survives the end of the process, not of the machine. An unclean stop makes a new epoch
};

struct RocksDbOptions {
  LogOptions log;

  // Made if missing, its parent must be there. One process at a time.
  std::string directory;

  SyncMode sync = SyncMode::kAlways;

  // Append is refused while the directory's file system has less room. Compaction and the write-ahead log need some.
  uint64_t free_space_bytes_min = 256 << 20;

  // Files that the log keeps open at most, give or take those that it writes. Its tables are all open, from the start
  // on, where that is far more than there are of them; else those that were read last are.
  uint64_t open_files_max = UINT64_MAX;

  // Where tests make the disk fail; null: the operating system's. Must outlive the log.
  rocksdb::Env* env = nullptr;
};

// Opens or makes the log. Errors, each a sentence that names the directory: FAILED_PRECONDITION: it is in use, is no
// directory, holds something else, or a format of a newer version; PERMISSION_DENIED: it cannot be written; DATA_LOSS:
// it is corrupt; RESOURCE_EXHAUSTED: hardly any space is left; UNAVAILABLE: the disk failed.
//
// Close (destroy) the log after the last call has returned.
absl::StatusOr<std::unique_ptr<LogEngine>> OpenRocksDbLog(RocksDbOptions options);

}  // namespace weir::log

#endif  // WEIR_LOG_ROCKSDB_ENGINE_H_
