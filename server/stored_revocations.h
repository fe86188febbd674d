// Revocations of tokens as they lie in the log: how they are found there, and read. Pure; any thread.
#ifndef WEIR_SERVER_STORED_REVOCATIONS_H_
#define WEIR_SERVER_STORED_REVOCATIONS_H_

#include "base/event_view.h"
#include "log/log_engine.h"
#include "weir/v1/revocation.pb.h"

namespace weir::server {

// Those events.
log::Selection SelectRevocations();

// The event's bytes, without those of its element.
EventView ViewOf(const log::StoredEvent& stored);

// False: the payload is no TokenRevocation.
bool ReadRevocation(const EventView& event, v1::TokenRevocation& revocation);

}  // namespace weir::server

#endif  // WEIR_SERVER_STORED_REVOCATIONS_H_
