#include "edge/render/presentation.h"

#include <fmt/format.h>

#include <utility>

#include "base/text.h"
#include "edge/render/json_text.h"
#include "edge/render/json_time.h"
#include "edge/websocket/frames.h"

namespace weir::edge {
namespace {

absl::Status NotText(std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("the event's {} is not UTF-8", what));
}

// event.time, else its publish time.
absl::Status AppendTime(const EventView& event, std::string& out) {
  const char* error = AppendTimestamp(event.has_time ? event.time : event.publish_time, out);
  return error == nullptr ? absl::OkStatus() : absl::InvalidArgumentError(fmt::format("the event's time is {}", error));
}

// Undoes what was appended unless the whole succeeded.
absl::Status Whole(absl::Status status, size_t start, std::string& out) {
  if (!status.ok()) {
    out.resize(start);
  }
  return status;
}

}  // namespace

std::string AttributeMember(std::string_view key, const PresentationOptions& options) {
  const bool cloud = options.envelope == EnvelopeKind::kCloudEvents;
  if (options.field_names == FieldNames::kProto && !cloud) {
    return std::string(key);
  }
  std::string name;
  bool upper = false;
  for (const char c : key) {
    if (c == '_') {
      upper = !cloud;
      continue;
    }
    name += upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    upper = false;
  }
  return name;
}

Presentation::Presentation(PresentationOptions options) : options_(std::move(options)) {
  for (const std::string& key : options_.attributes) {
    attribute_members_.push_back(",\"" + AttributeMember(key, options_) + "\":");
  }
}

absl::Status Presentation::AppendFrame(const EventView& event, const Schema& schema, std::string& out) const {
  Look look;
  if (absl::Status status = FindLook(event, schema, look); !status.ok()) {
    return status;
  }
  return options_.framing == Framing::kSse ? AppendBlock(event, schema, look, out)
                                           : AppendMessage(event, schema, look, out);
}

absl::Status Presentation::AppendBlock(const EventView& event, const Schema& schema, const Look& look,
                                       std::string& out) const {
  const size_t start = out.size();
  out.append("event: ").append(look.name).append("\nid: ").append(event.cursor).append("\ndata: ");
  absl::Status status = AppendData(event, schema, look, out);
  out += "\n\n";
  return Whole(std::move(status), start, out);
}

absl::Status Presentation::AppendMessage(const EventView& event, const Schema& schema, const Look& look,
                                         std::string& out) const {
  const size_t start = out.size();
  out.append("{\"event\":\"").append(look.name).append("\",\"id\":");
  AppendJsonString(event.cursor, out);
  out += ",\"data\":";
  if (absl::Status status = AppendData(event, schema, look, out); !status.ok()) {
    return Whole(std::move(status), start, out);
  }
  out += '}';
  FrameAsText(start, out);
  return absl::OkStatus();
}

absl::Status Presentation::AppendPollItem(const EventView& event, const Schema& schema, std::string& out) const {
  Look look;
  if (absl::Status status = FindLook(event, schema, look); !status.ok()) {
    return status;
  }
  const size_t start = out.size();
  out += "{\"id\":";
  AppendJsonString(event.cursor, out);
  out.append(",\"event\":\"").append(look.name).append("\",\"data\":");
  absl::Status status = AppendData(event, schema, look, out);
  out += '}';
  return Whole(std::move(status), start, out);
}

absl::Status Presentation::FindLook(const EventView& event, const Schema& schema, Look& look) const {
  const std::string_view type = event.type_name();
  look.name = schema.EventName(type);
  if (look.name.empty()) {
    return absl::NotFoundError(fmt::format("the schema does not know the event type {}", Quotable(type)));
  }
  if (!IsEventId(event.cursor)) {
    return absl::InvalidArgumentError("the event has no cursor that could be an SSE id");
  }
  look.plans = &schema.plans(options_.field_names);
  look.plan = look.plans->Find(type);
  if (!options_.event_name.empty()) {
    look.name = options_.event_name;
  }
  return absl::OkStatus();
}

absl::Status Presentation::AppendData(const EventView& event, const Schema& schema, const Look& look,
                                      std::string& out) const {
  switch (options_.envelope) {
    case EnvelopeKind::kNone:
      break;
    case EnvelopeKind::kEvent:
      return AppendEnvelope(event, schema, look, out);
    case EnvelopeKind::kCloudEvents:
      return AppendCloudEvent(event, look, out);
  }
  return look.plans->Append(*look.plan, event.payload, out);
}

absl::Status Presentation::AppendEnvelope(const EventView& event, const Schema& schema, const Look& look,
                                          std::string& out) const {
  out.append("{\"type\":\"").append(schema.EventName(event.type_name())).append("\",\"data\":");
  if (absl::Status status = look.plans->Append(*look.plan, event.payload, out); !status.ok()) {
    return status;
  }
  for (const std::string& member : options_.members) {
    out.append(",\"").append(member).append("\":");
    if (member == "timestamp") {
      if (absl::Status status = AppendTime(event, out); !status.ok()) {
        return status;
      }
    } else if (member == "sequence") {
      out += '"';
      AppendUint(event.sequence, out);
      out += '"';
    } else if (!AppendJsonString(member == "eventId" ? event.id : event.topic, out)) {
      return NotText(member);
    }
  }
  if (absl::Status status = AppendAttributes(event, out); !status.ok()) {
    return status;
  }
  out += '}';
  return absl::OkStatus();
}

absl::Status Presentation::AppendCloudEvent(const EventView& event, const Look& look, std::string& out) const {
  out += "{\"specversion\":\"1.0\",\"id\":";
  if (!AppendJsonString(event.id, out)) {
    return NotText("id");
  }
  out += ",\"source\":";
  if (!AppendJsonString(fmt::format("/{}", event.topic), out)) {
    return NotText("topic");
  }
  out += ",\"type\":";
  if (!AppendJsonString(event.type_name(), out)) {
    return NotText("type");
  }
  out += ",\"subject\":";
  AppendJsonString(event.topic, out);
  out += ",\"time\":";
  if (absl::Status status = AppendTime(event, out); !status.ok()) {
    return status;
  }
  out += ",\"datacontenttype\":\"application/json\"";
  if (absl::Status status = AppendAttributes(event, out); !status.ok()) {
    return status;
  }
  out += ",\"data\":";
  absl::Status status = look.plans->Append(*look.plan, event.payload, out);
  out += '}';
  return status;
}

absl::Status Presentation::AppendAttributes(const EventView& event, std::string& out) const {
  bool text = true;
  for (size_t i = 0; i < options_.attributes.size(); ++i) {
    ForEachAttribute(event.attributes, [&](std::string_view key, std::string_view value) {
      if (key == options_.attributes[i]) {
        out += attribute_members_[i];
        text = AppendJsonString(value, out) && text;
      }
    });
  }
  return text ? absl::OkStatus() : NotText("attributes");
}

}  // namespace weir::edge
