#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "base/duration_text.h"
#include "base/text.h"
#include "clients/cli/arguments.h"
#include "clients/cli/commands.h"
#include "clients/cli/event_json.h"
#include "clients/cli/exit_code.h"
#include "clients/cli/line_reader.h"
#include "clients/cli/output.h"
#include "clients/cli/result_lines.h"
#include "clients/cpp/rpc_status.h"
#include "fmt/format.h"

namespace weir::cli {
namespace {

int Fail(const absl::Status& status) {
  Note(Describe(status));
  return ExitCodeOf(status);
}

absl::StatusOr<v1::Event> EventOf(const PublishArguments& arguments, Schema& schema) {
  Json line = {{"topic", arguments.topic}, {"type", arguments.type}};
  line["data"] = Json::parse(arguments.data, nullptr, false);
  if (line["data"].is_discarded()) {
    return Error(absl::StatusCode::kInvalidArgument, "PAYLOAD_INVALID", "the event's data is not JSON");
  }
  if (!arguments.event_id.empty()) {
    line["event_id"] = arguments.event_id;
  }
  if (!arguments.time.empty()) {
    line["time"] = arguments.time;
  }
  for (const std::string& attribute : arguments.attributes) {
    const auto [key, value] = *ParseKeyValue(attribute);
    line["attributes"][key] = value;
  }
  return ParseEventLine(Dump(line), schema);
}

int PublishOne(const PublishArguments& arguments) {
  Client client(ConnectionTo(arguments.server));
  Schema schema(client);
  absl::StatusOr<v1::Event> event = EventOf(arguments, schema);
  if (!event.ok()) {
    return Fail(event.status());
  }
  v1::PublishRequest request;
  *request.add_events() = *std::move(event);
  const absl::StatusOr<v1::PublishResponse> response =
      client.Publish(request, absl::Now() + *ParseDuration(arguments.wait));
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

// The flow from a file of lines to a line of result each.
class LinePublisher {
 public:
  LinePublisher(Client& client, Schema& schema, absl::Duration wait)
      : schema_(schema),
        wait_(wait),
        results_(PrintLine),
        publisher_(client, {.on_disconnected = [this](const absl::Status& status, absl::Duration retry_in) {
                     OnDisconnected(status, retry_in);
                   }}) {}

  int Run(LineReader& reader) {
    for (;;) {
      const absl::StatusOr<std::string> line = reader.Next();
      if (absl::IsOutOfRange(line.status())) {
        break;
      }
      if (!line.ok() && !absl::IsResourceExhausted(line.status())) {
        Note(Message(line.status()));
        failed_ = true;
        break;
      }
      Take(line);
    }
    // A server that is away too long ends the process in OnDisconnected.
    publisher_.Flush(absl::InfiniteFuture()).IgnoreError();
    return failed_ ? kFailure : kSuccess;
  }

 private:
  void Take(const absl::StatusOr<std::string>& line) {
    const uint64_t place = results_.Reserve();
    absl::StatusOr<v1::Event> event =
        line.ok() ? ParseEventLine(*line, schema_)
                  : Error(absl::StatusCode::kInvalidArgument, "FIELD_INVALID", Message(line.status()));
    if (!event.ok()) {
      failed_ = true;
      results_.Set(place, ErrorLine(event.status()));
      return;
    }
    publisher_.Publish(*std::move(event), [this, place](const PublishOutcome& outcome) {
      away_since_.reset();
      failed_ = failed_ || !outcome.status.ok();
      results_.Set(place, outcome.status.ok() ? AckLine(outcome.ack) : ErrorLine(outcome.status));
    });
  }

  // One at a time with the callbacks of events, like all callbacks of one publisher.
  void OnDisconnected(const absl::Status& status, absl::Duration retry_in) {
    const absl::Time now = absl::Now();
    away_since_ = away_since_.value_or(now);
    if (now - *away_since_ < wait_) {
      Note(fmt::format("{}; trying again in {}", Describe(status), DurationText(retry_in)));
      return;
    }
    // The main thread may wait for input or for room, both without end: so the process ends here.
    Note(fmt::format("{}; given up after {}", Describe(status), absl::FormatDuration(wait_)));
    results_.SetRest(ErrorLine(
        absl::Status(status.code(),
                     "no answer from the server; the event may have been stored: publish it again with its event_id")));
    _exit(kFailure);
  }

  Schema& schema_;
  const absl::Duration wait_;
  std::atomic<bool> failed_{false};
  std::optional<absl::Time> away_since_;
  ResultLines results_;
  Publisher publisher_;
};

int PublishLines(const PublishArguments& arguments) {
  const int fd = arguments.from == "-" ? STDIN_FILENO : open(arguments.from.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    Note(fmt::format("cannot open {}: {}", Quotable(arguments.from), strerror(errno)));
    return kFailure;
  }
  Client client(ConnectionTo(arguments.server));
  Schema schema(client);
  if (const absl::Status status = schema.Refresh(); !status.ok()) {
    return Fail(status);
  }
  LineReader reader(fd);
  return LinePublisher(client, schema, *ParseDuration(arguments.wait)).Run(reader);
}

}  // namespace

int Publish(const PublishArguments& arguments) {
  return arguments.from.empty() ? PublishOne(arguments) : PublishLines(arguments);
}

}  // namespace weir::cli
