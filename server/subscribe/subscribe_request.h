// A SubscribeRequest, checked and with its defaults filled in. Pure; any thread.
#ifndef WEIR_SERVER_SUBSCRIBE_SUBSCRIBE_REQUEST_H_
#define WEIR_SERVER_SUBSCRIBE_SUBSCRIBE_REQUEST_H_

#include <cstddef>

#include "absl/time/time.h"
#include "log/log_engine.h"
#include "server/rpc/error.h"
#include "server/schema/event_types.h"
#include "weir/v1/event_bus.pb.h"

namespace weir::server {

// A SubscribeRequest, checked.
struct SubscriptionOptions {
  log::Selection selection;
  v1::Start start;
  bool fail_on_gap = false;
  absl::Duration progress_interval;
  size_t batch_events_max = 0;
  size_t batch_bytes_max = 0;
};

// Faults: FILTER_INVALID, TYPE_UNKNOWN, CURSOR_INVALID, FIELD_INVALID.
FaultOr<SubscriptionOptions> ReadSubscribeRequest(const v1::SubscribeRequest& request, const EventTypes& types);

}  // namespace weir::server

#endif  // WEIR_SERVER_SUBSCRIBE_SUBSCRIBE_REQUEST_H_
