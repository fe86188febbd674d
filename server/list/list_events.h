// ListEvents: one page of history. Reads the log, and so may block: not on gRPC's threads. Any other thread.
#ifndef WEIR_SERVER_LIST_LIST_EVENTS_H_
#define WEIR_SERVER_LIST_LIST_EVENTS_H_

#include "log/log_engine.h"
#include "server/auth/access_rules.h"
#include "server/rpc/error.h"
#include "server/rpc/wire_message.h"
#include "server/schema/event_types.h"
#include "weir/v1/event_bus.pb.h"

namespace weir::server {

inline constexpr int kListEventsDefault = 100;
inline constexpr size_t kListBytesMax = 2 << 20;

// The wire bytes of a ListEventsResponse, which share the events' bytes with the log. Faults: FILTER_INVALID,
// SUBSCRIBE_DENIED, TYPE_UNKNOWN, CURSOR_INVALID, FIELD_INVALID, PAGE_TOKEN_INVALID, CURSOR_OTHER_EPOCH and
// CURSOR_BEYOND_HEAD (of until_cursor), LOG_UNAVAILABLE, LOG_DAMAGED.
FaultOr<WireMessage> ListEvents(const v1::ListEventsRequest& request, const log::LogEngine& log,
                                const EventTypes& types, const Rights& rights = {});

}  // namespace weir::server

#endif  // WEIR_SERVER_LIST_LIST_EVENTS_H_
