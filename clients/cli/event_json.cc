#include "clients/cli/event_json.h"

#include <map>

#include "base/text.h"
#include "clients/cli/arguments.h"
#include "clients/cli/output.h"
#include "fmt/format.h"
#include "google/protobuf/util/time_util.h"

namespace weir::cli {
namespace {

constexpr std::string_view kUrlPrefix = "type.googleapis.com/";

absl::Status BadLine(std::string_view problem) {
  return Error(absl::StatusCode::kInvalidArgument, "FIELD_INVALID", problem);
}

std::string TypeOf(const v1::Event& event) {
  const std::string& url = event.payload().type_url();
  return url.substr(url.rfind('/') + 1);
}

std::string TimeText(const google::protobuf::Timestamp& time) {
  return google::protobuf::util::TimeUtil::ToString(time);
}

// A name of an enum value without the enum's prefix: REASON_EXPIRED is EXPIRED.
std::string WithoutPrefix(const std::string& name, std::string_view prefix) {
  return name.rfind(prefix, 0) == 0 ? name.substr(prefix.size()) : name;
}

absl::Status SetString(const Json& value, const std::string& key, std::string* field) {
  if (!value.is_string()) {
    return BadLine(fmt::format("'{}' must be a string", key));
  }
  *field = value.get<std::string>();
  return absl::OkStatus();
}

absl::Status SetTime(const Json& value, v1::Event& event) {
  std::string text;
  if (absl::Status status = SetString(value, "time", &text); !status.ok()) {
    return status;
  }
  const absl::StatusOr<absl::Time> time = ParseTime(text);
  if (!time.ok()) {
    return BadLine(fmt::format("time: {}", Message(time.status())));
  }
  const timespec parts = absl::ToTimespec(*time);
  event.mutable_time()->set_seconds(parts.tv_sec);
  event.mutable_time()->set_nanos(static_cast<int32_t>(parts.tv_nsec));
  return absl::OkStatus();
}

absl::Status SetAttributes(const Json& value, v1::Event& event) {
  if (!value.is_object()) {
    return BadLine("'attributes' must be an object of strings");
  }
  for (const auto& [key, text] : value.items()) {
    if (absl::Status status = SetString(text, "attributes." + key, &(*event.mutable_attributes())[key]); !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

// Everything but `type` and `data`.
absl::Status SetMember(const std::string& key, const Json& value, v1::Event& event) {
  if (key == "topic") {
    return SetString(value, key, event.mutable_topic());
  }
  if (key == "event_id") {
    return SetString(value, key, event.mutable_id());
  }
  if (key == "time") {
    return SetTime(value, event);
  }
  if (key == "attributes") {
    return SetAttributes(value, event);
  }
  if (key == "cursor" || key == "publish_time") {
    return absl::OkStatus();
  }
  return BadLine(
      fmt::format("unknown member '{}'; allowed are topic, type, data, event_id, time, attributes", Quotable(key)));
}

}  // namespace

std::string EventLine(const v1::Event& event, Schema& schema) {
  const std::string type = TypeOf(event);
  Json line = {{"cursor", event.cursor()}, {"event_id", event.id()}, {"topic", event.topic()}, {"type", type}};
  line["time"] = TimeText(event.has_time() ? event.time() : event.publish_time());
  line["publish_time"] = TimeText(event.publish_time());
  if (!event.attributes().empty()) {
    const std::map<std::string, std::string> sorted(event.attributes().begin(), event.attributes().end());
    line["attributes"] = sorted;
  }
  const absl::StatusOr<std::string> data = schema.ToJson(type, event.payload().value());
  if (!data.ok()) {
    line["data"] = nullptr;
    line["error"] = ErrorJson(data.status());
    return Dump(line);
  }
  // The library's JSON stands as it is: parsing it again could change its numbers.
  std::string text = Dump(line);
  text.pop_back();
  return fmt::format("{},\"data\":{}}}", text, *data);
}

std::string GapLine(const v1::Gap& gap) {
  return Dump({{"gap",
                {{"reason", WithoutPrefix(v1::Gap::Reason_Name(gap.reason()), "REASON_")},
                 {"requested_cursor", gap.requested_cursor()},
                 {"resume_cursor", gap.resume_cursor()}}}});
}

std::string ProgressLine(const v1::Progress& progress) {
  return Dump({{"progress", {{"cursor", progress.cursor()}, {"caught_up", progress.caught_up()}}}});
}

std::string AckLine(const v1::PublishAck& ack) {
  Json line = {{"cursor", ack.cursor()}, {"event_id", ack.id()}};
  if (ack.duplicate()) {
    line["duplicate"] = true;
  }
  return Dump(line);
}

std::string RevokedLine(const v1::RevokeTokensResponse& response) {
  Json line = {{"cursor", response.ack().cursor()}, {"event_id", response.ack().id()}};
  const v1::TokenRevocation& revocation = response.revocation();
  if (revocation.has_issued_until()) {
    line["issued_until"] = TimeText(revocation.issued_until());
  }
  line["expire_time"] = TimeText(revocation.expire_time());
  return Dump(line);
}

std::string ErrorLine(const absl::Status& status) { return Dump({{"error", ErrorJson(status)}}); }

absl::StatusOr<v1::Event> ParseEventLine(std::string_view line, Schema& schema) {
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object()) {
    return BadLine("the line is not a JSON object");
  }
  v1::Event event;
  std::string type;
  for (const auto& [key, value] : json.items()) {
    absl::Status status;
    if (key == "type") {
      status = SetString(value, key, &type);
    } else if (key != "data") {
      status = SetMember(key, value, event);
    }
    if (!status.ok()) {
      return status;
    }
  }
  for (const char* required : {"topic", "type", "data"}) {
    if (!json.contains(required)) {
      return BadLine(fmt::format("'{}' is missing", required));
    }
  }
  absl::StatusOr<std::string> payload = schema.FromJson(type, Dump(json["data"]));
  if (!payload.ok()) {
    return payload.status();
  }
  event.mutable_payload()->set_type_url(fmt::format("{}{}", kUrlPrefix, type));
  event.mutable_payload()->set_value(*std::move(payload));
  return event;
}

}  // namespace weir::cli
