// What Subscribe and ListEvents ask for, checked: the selection of events, where reading begins, and gaps.
//
// Pure but for ResolveStart, which may read the log (and block). Any thread.
#ifndef WEIR_SERVER_SUBSCRIBE_READ_REQUEST_H_
#define WEIR_SERVER_SUBSCRIBE_READ_REQUEST_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "base/cursor.h"
#include "google/protobuf/repeated_field.h"
#include "log/log_engine.h"
#include "server/auth/access_rules.h"
#include "server/rpc/error.h"
#include "server/schema/event_types.h"
#include "weir/v1/event_bus.pb.h"

namespace weir::server {

inline constexpr int kFiltersMax = 1'024;
inline constexpr int kTypesMax = 1'024;
inline constexpr int kReadEventsMax = 1'000;

using Texts = google::protobuf::RepeatedPtrField<std::string>;

// Faults: FILTER_INVALID, TYPE_UNKNOWN, FIELD_INVALID (too many types).
FaultOr<log::Selection> ReadSelection(const Texts& filters, const Texts& types, const EventTypes& known);

// SUBSCRIBE_DENIED, with the filter that is not allowed.
std::optional<Fault> CheckMayRead(const Rights& rights, const log::Selection& selection);

// Where reading begins.
struct ReadPlan {
  uint64_t after = 0;
  // Events published earlier are left out; matters when `from_time` lies ahead of the log's newest event.
  int64_t not_before_millis = std::numeric_limits<int64_t>::min();
  // First the newest event of each topic in (after, head], then what follows `head`.
  bool last_per_topic = false;
  uint64_t head = 0;  // the durable head when the plan was made
  std::optional<v1::Gap> gap;
};

// `position` is what an unset start means. Faults: CURSOR_INVALID, FIELD_INVALID, LOG_UNAVAILABLE,
// LOG_DAMAGED.
FaultOr<ReadPlan> ResolveStart(const v1::Start& start, v1::Start::PositionCase position, const log::LogEngine& log);

// By its name, or by the word that may stand for a cursor.
bool IsLatest(const v1::Start& start);

// The gap that a reader with this cursor is due, or none. Conservative: whatever its filters.
std::optional<v1::Gap> GapAt(const Cursor& cursor, const log::Bounds& bounds);
// The gap of a reader that retention overtook at `after`; it reads on from the earliest retained event.
v1::Gap ExpiredGap(uint64_t after, const log::Bounds& bounds);

// GAP_POLICY_FAIL: the gap as an error.
Fault FaultOf(const v1::Gap& gap);

// CURSOR_INVALID: the text is no cursor.
Fault CursorFault(std::string_view field, std::string_view value);

// A failed read of the log: LOG_DAMAGED where what was stored is broken, so that trying again is of no use; otherwise
// LOG_UNAVAILABLE.
Fault ReadFault(const absl::Status& status);

}  // namespace weir::server

#endif  // WEIR_SERVER_SUBSCRIBE_READ_REQUEST_H_
