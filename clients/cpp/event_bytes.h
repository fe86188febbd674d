// Events as the wire bytes that a publisher sends: made once when an event is taken, and spliced into batches as bytes.
#ifndef WEIR_CLIENTS_CPP_EVENT_BYTES_H_
#define WEIR_CLIENTS_CPP_EVENT_BYTES_H_

#include <string>

#include "weir/client.h"
#include "weir/v1/event.pb.h"

namespace weir::client {

// The wire bytes of an Event: fields in number order, maps sorted, so that equal events are equal bytes. An empty id is
// filled in.
std::string EventBytes(const EventToPublish& event);
std::string EventBytes(v1::Event event);

}  // namespace weir::client

#endif  // WEIR_CLIENTS_CPP_EVENT_BYTES_H_
