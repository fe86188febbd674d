// What a log on disk knows when it is opened: read from its column families, and checked for holes.
#ifndef WEIR_LOG_ROCKSDB_RECOVERY_H_
#define WEIR_LOG_ROCKSDB_RECOVERY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "log/dedupe.h"
#include "log/rocksdb_store.h"
#include "log/segment_table.h"
#include "log/sequencer.h"

namespace weir::log {

struct RecoveredLog {
  explicit RecoveredLog(size_t idempotence_events_max) : window(idempotence_events_max) {}

  LogState state;
  SealedSegments sealed;
  std::shared_ptr<SegmentIndex> active_index;
  SegmentTable::Totals totals;
  IdempotenceWindow window;
};

// Makes the facts of a new log; a new epoch after an unclean stop with a sync mode weaker than always; removes what
// retention had begun to remove; scans the segments that have no postings; reads back the ids of the newest
// `idempotence_events_max` events. `state` is what `format::kStateKey` becomes while the log is open. DATA_LOSS when
// something is missing or cannot be read.
absl::StatusOr<RecoveredLog> Recover(RocksDbStore& store, std::string_view state, size_t idempotence_events_max);

}  // namespace weir::log

#endif  // WEIR_LOG_ROCKSDB_RECOVERY_H_
