// Events as lines of JSON: what `weir subscribe` and `weir list` print, and what `weir publish --from` reads.
#ifndef WEIR_CLIENTS_CLI_EVENT_JSON_H_
#define WEIR_CLIENTS_CLI_EVENT_JSON_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "clients/cli/schema.h"
#include "weir/v1/event.pb.h"
#include "weir/v1/event_bus.pb.h"
#include "weir/v1/maintenance.pb.h"

namespace weir::cli {

// {"cursor","event_id","topic","type","time","publish_time","attributes"?,"data"}. `time` is the publish time when the
// publisher gave none. A payload that cannot be shown is "data":null beside an "error".
std::string EventLine(const v1::Event& event, Schema& schema);

// {"gap":{"reason","requested_cursor","resume_cursor"}}
std::string GapLine(const v1::Gap& gap);

// {"progress":{"cursor","caught_up"}}
std::string ProgressLine(const v1::Progress& progress);

// {"cursor","event_id","duplicate"?}
std::string AckLine(const v1::PublishAck& ack);

// {"cursor","event_id","issued_until"?,"expire_time"}
std::string RevokedLine(const v1::RevokeTokensResponse& response);

// {"error":{"code","reason","message"}}
std::string ErrorLine(const absl::Status& status);

// Reads {"topic","type","data","event_id"?,"time"?,"attributes"?}. `cursor` and `publish_time` are passed over, so that
// printed events can be published elsewhere; any other member is an error. INVALID_ARGUMENT with a reason.
absl::StatusOr<v1::Event> ParseEventLine(std::string_view line, Schema& schema);

}  // namespace weir::cli

#endif  // WEIR_CLIENTS_CLI_EVENT_JSON_H_
