// A log on disk as of one moment, in the directory `backup` within its own: mostly links, so that it costs little time
// and space, and a log by itself.
#ifndef WEIR_LOG_ROCKSDB_SNAPSHOT_H_
#define WEIR_LOG_ROCKSDB_SNAPSHOT_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "log/log_directory.h"
#include "log/log_engine.h"
#include "log/rocksdb_store.h"

namespace weir::log {

// See LogEngine::Snapshot. Nothing may be ingested meanwhile.
absl::StatusOr<std::unique_ptr<LogSnapshot>> TakeSnapshot(RocksDbStore& store, const Bounds& bounds);

// What an interrupted one has left.
absl::Status RemoveSnapshot(const LogDirectory& directory);

}  // namespace weir::log

#endif  // WEIR_LOG_ROCKSDB_SNAPSHOT_H_
