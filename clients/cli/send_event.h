// Stores one event and says what became of it, as `weir publish` and `weir revoke` do.
#ifndef WEIR_CLIENTS_CLI_SEND_EVENT_H_
#define WEIR_CLIENTS_CLI_SEND_EVENT_H_

#include "absl/time/time.h"
#include "weir/client.h"

namespace weir::cli {

// Prints the event's cursor as a line of JSON, or why there is none on stderr. Returns the exit code.
int SendEvent(Client& client, v1::Event event, absl::Duration wait);

}  // namespace weir::cli

#endif  // WEIR_CLIENTS_CLI_SEND_EVENT_H_
