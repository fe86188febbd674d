// `weir schema` and `weir status`: what the server says of itself.
#include "clients/cli/commands.h"
#include "clients/cli/exit_code.h"
#include "clients/cli/output.h"
#include "clients/cli/schema.h"
#include "google/protobuf/util/time_util.h"

namespace weir::cli {
namespace {

using google::protobuf::util::TimeUtil;

constexpr absl::Duration kTimeout = absl::Seconds(10);

int Fail(const absl::Status& status) {
  Note(Describe(status));
  return ExitCodeOf(status);
}

}  // namespace

int ShowSchema(const SchemaArguments& arguments) {
  Client client(ConnectionTo(arguments.server));
  if (!arguments.type.empty()) {
    const absl::StatusOr<std::string> definition = Schema(client).Definition(arguments.type);
    if (!definition.ok()) {
      return Fail(definition.status());
    }
    PrintLine(definition->substr(0, definition->find_last_not_of('\n') + 1));
    return kSuccess;
  }
  const absl::StatusOr<v1::GetSchemaResponse> schema = client.GetSchema({}, absl::Now() + kTimeout);
  if (!schema.ok()) {
    return Fail(schema.status());
  }
  for (const v1::EventType& type : schema->event_types()) {
    PrintLine(Dump({{"type", type.type()}, {"name", type.name()}}));
  }
  return kSuccess;
}

int Status(const StatusArguments& arguments) {
  Client client(ConnectionTo(arguments.server));
  const absl::StatusOr<v1::GetStatusResponse> status = client.GetStatus(absl::Now() + kTimeout);
  if (!status.ok()) {
    return Fail(status.status());
  }
  Json line = {{"server", arguments.server.address},
               {"server_version", status->server_version()},
               {"start_time", TimeUtil::ToString(status->start_time())},
               {"log_engine", status->log_engine()},
               {"epoch", status->epoch()},
               {"earliest_cursor", status->earliest_cursor()},
               {"head_cursor", status->head_cursor()},
               {"head_sequence", status->head_sequence()},
               {"stored_bytes", status->stored_bytes()},
               {"retention_age", nullptr},
               {"retention_bytes", status->retention_bytes()},
               {"schema_version", status->schema_version()},
               {"subscription_count", status->subscription_count()},
               {"event_bytes_max", status->event_bytes_max()}};
  if (status->has_retention_age()) {
    line["retention_age"] = TimeUtil::ToString(status->retention_age());
  }
  PrintLine(Dump(line));
  return kSuccess;
}

}  // namespace weir::cli
