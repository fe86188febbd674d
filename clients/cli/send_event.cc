#include "clients/cli/send_event.h"

#include <utility>

#include "absl/time/clock.h"
#include "clients/cli/event_json.h"
#include "clients/cli/exit_code.h"
#include "clients/cli/output.h"
#include "clients/cpp/rpc_status.h"

namespace weir::cli {
namespace {

int Fail(const absl::Status& status) {
  Note(Describe(status));
  return ExitCodeOf(status);
}

}  // namespace

int SendEvent(Client& client, v1::Event event, absl::Duration wait) {
  v1::PublishRequest request;
  *request.add_events() = std::move(event);
  const absl::StatusOr<v1::PublishResponse> response = client.Publish(request, absl::Now() + wait);
  if (!response.ok()) {
    return Fail(response.status());
  }
  if (response->results_size() != 1) {
    return Fail(absl::InternalError("the server did not answer for the event"));
  }
  const v1::PublishResult& result = response->results(0);
  if (result.has_error()) {
    return Fail(client::FromRpc(result.error()));
  }
  PrintLine(AckLine(result.ack()));
  return kSuccess;
}

}  // namespace weir::cli
