// What a log on disk knows when it is opened: read from its column families, and checked for holes.
#ifndef WEIR_LOG_ROCKSDB_RECOVERY_H_
#define WEIR_LOG_ROCKSDB_RECOVERY_H_

#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "log/rocksdb_store.h"
#include "log/segment_table.h"
#include "log/sequencer.h"

namespace weir::log {

struct RecoveredLog {
  LogState state;
  SealedSegments sealed;
  std::shared_ptr<SegmentIndex> active_index;
  SegmentTable::Totals totals;
};

// Makes the facts of a new log; a new epoch after an unclean stop with a sync mode weaker than always; removes what
// retention had begun to remove; scans the segments that have no postings. `state` is what `format::kStateKey` becomes
// while the log is open. DATA_LOSS when something is missing or cannot be read.
absl::StatusOr<RecoveredLog> Recover(RocksDbStore& store, std::string_view state);

// Calls `restore(fingerprints, first)` for the newest `events_max` retained events, a commit at a time, in log order;
// `first` is the sequence of the first of them. DATA_LOSS when they do not end where the events do.
absl::Status RestoreFingerprints(const RocksDbStore& store, const SegmentTable::Totals& totals, uint64_t events_max,
                                 absl::FunctionRef<void(std::span<const uint64_t>, uint64_t)> restore);

}  // namespace weir::log

#endif  // WEIR_LOG_ROCKSDB_RECOVERY_H_
