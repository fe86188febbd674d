#include "server/publish/validator.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "base/token_revocation.h"
#include "base/topic.h"
#include "base/wire.h"
#include "server/schema/canonical.h"
#include "weir/v1/event.pb.h"

namespace weir::server {
namespace {

constexpr std::string_view kTypeUrlPrefix = "type.googleapis.com/";

// The bytes of the event as an ordinary serialiser writes them. Null when they are no Event.
std::optional<std::string> Canonical(std::string_view bytes) {
  v1::Event event;
  if (!event.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return std::nullopt;
  }
  event.DiscardUnknownFields();
  return CanonicalBytes(event);
}

std::optional<Fault> CheckTopic(std::string_view topic) {
  if (absl::Status status = ValidateTopic(topic); !status.ok()) {
    return Fault{.reason = v1::ERROR_REASON_TOPIC_INVALID,
                 .message = std::string(Message(status)),
                 .field = "topic",
                 .value = std::string(topic.substr(0, kTopicBytesMax)),
                 .limit = "1 to 16 tokens of [A-Za-z0-9_-]+, 256 bytes"};
  }
  return std::nullopt;
}

std::optional<Fault> CheckId(std::string_view topic, std::string_view id) {
  if (IsReservedTopic(topic) && id.starts_with(kCarriedIdPrefix)) {
    return Fault{.reason = v1::ERROR_REASON_EVENT_ID_INVALID,
                 .message = fmt::format("event id \"{}\": on the system's topics, those that begin with {} are the "
                                        "server's own",
                                        Quotable(id), kCarriedIdPrefix),
                 .field = "id",
                 .value = std::string(id.substr(0, kTopicBytesMax)),
                 .limit = fmt::format("none that begins with {}", kCarriedIdPrefix)};
  }
  const auto visible = [](char c) { return c >= 0x21 && c <= 0x7E; };
  if (id.size() <= kEventIdBytesMax && std::all_of(id.begin(), id.end(), visible)) {
    return std::nullopt;
  }
  return Fault{.reason = v1::ERROR_REASON_EVENT_ID_INVALID,
               .message = fmt::format("event id \"{}\": allowed are 1 to 64 bytes of visible ASCII", Quotable(id)),
               .field = "id",
               .value = std::string(id.substr(0, kTopicBytesMax)),
               .limit = "1 to 64 bytes of 0x21 to 0x7E"};
}

// Rewrites a Timestamp that is well-formed but not canonical; refuses one outside the years 1 to 9999.
std::optional<Fault> CheckTime(std::string_view bytes, std::deque<std::string>& made, std::string_view& out) {
  int64_t millis = 0;
  if (!wire::MillisFromTimestamp(bytes, millis)) {
    return Fault{.reason = v1::ERROR_REASON_FIELD_INVALID,
                 .message = "time is not a google.protobuf.Timestamp of the years 0001 to 9999",
                 .field = "time",
                 .limit = "0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z"};
  }
  uint64_t seconds = 0;
  uint64_t nanos = 0;
  wire::Reader reader(bytes);
  for (wire::Field field; reader.Next(field);) {
    if (field.number <= 2) {
      (field.number == 1 ? seconds : nanos) = field.value;
    }
  }
  std::string canonical;
  if (seconds != 0) {
    wire::AppendUint64(canonical, 1, seconds);
  }
  if (nanos != 0) {
    wire::AppendUint64(canonical, 2, nanos);
  }
  out = canonical == bytes ? bytes : std::string_view(made.emplace_back(std::move(canonical)));
  return std::nullopt;
}

bool IsAttributeKey(std::string_view key) {
  const auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  return !key.empty() && key.size() <= 32 && key.front() >= 'a' && key.front() <= 'z' &&
         std::all_of(key.begin(), key.end(), allowed);
}

bool IsAttributeValue(std::string_view value) {
  return value.size() <= kAttributeValueBytesMax && wire::IsValidUtf8(value) &&
         value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

std::optional<Fault> CheckAttributes(std::string_view attributes) {
  size_t count = 0;
  std::optional<Fault> fault;
  ForEachAttribute(attributes, [&](std::string_view key, std::string_view value) {
    ++count;
    if (fault.has_value()) {
      return;
    }
    if (!IsAttributeKey(key)) {
      fault = Fault{.reason = v1::ERROR_REASON_ATTRIBUTE_INVALID,
                    .message = fmt::format("attribute key \"{}\": allowed is [a-z][a-z0-9_]{{0,31}}", Quotable(key)),
                    .field = "attributes",
                    .value = std::string(key.substr(0, kAttributeValueBytesMax)),
                    .limit = "[a-z][a-z0-9_]{0,31}"};
    } else if (!IsAttributeValue(value)) {
      fault = Fault{.reason = v1::ERROR_REASON_ATTRIBUTE_INVALID,
                    .message = fmt::format("attribute {} is \"{}\": allowed are at most 256 bytes of UTF-8 without CR, "
                                           "LF and NUL",
                                           key, Quotable(value)),
                    .field = fmt::format("attributes.{}", key),
                    .value = std::string(value.substr(0, kAttributeValueBytesMax)),
                    .limit = "256 bytes of UTF-8 without CR, LF and NUL"};
    }
  });
  if (!fault.has_value() && count > kAttributesMax) {
    fault = Fault{.reason = v1::ERROR_REASON_ATTRIBUTE_INVALID,
                  .message = fmt::format("the event has {} attributes; at most {} are allowed", count, kAttributesMax),
                  .field = "attributes",
                  .value = fmt::format("{}", count),
                  .limit = fmt::format("{}", kAttributesMax)};
  }
  return fault;
}

Fault TooLarge(size_t bytes, size_t bytes_max) {
  return {.reason = v1::ERROR_REASON_EVENT_TOO_LARGE,
          .message = fmt::format("the event has {} bytes; at most {} are allowed", bytes, bytes_max),
          .value = fmt::format("{}", bytes),
          .limit = fmt::format("{}", bytes_max)};
}

Fault TypeFault(v1::ErrorReason reason, std::string_view type, std::string message) {
  return {.reason = reason,
          .message = std::move(message),
          .field = "payload.type_url",
          .value = std::string(type.substr(0, kTopicBytesMax))};
}

Fault PublishDenied(const EventView& view) {
  return {
      .reason = v1::ERROR_REASON_PUBLISH_DENIED,
      .message = fmt::format("the caller's rules of access do not allow {} on topic {}", view.type_name(), view.topic),
      .field = "topic",
      .value = std::string(view.topic)};
}

Fault PayloadFault(const EventType& type) {
  return {.reason = v1::ERROR_REASON_PAYLOAD_INVALID,
          .message = fmt::format("the payload's bytes are not a message of type {}", type.type),
          .field = "payload.value",
          .value = type.type};
}

std::optional<Fault> CheckRevocation(std::string_view payload, absl::Time now) {
  v1::TokenRevocation revocation;
  const bool read = revocation.ParseFromArray(payload.data(), static_cast<int>(payload.size()));
  absl::Status status = read ? CheckTokenRevocation(revocation) : absl::InvalidArgumentError("it cannot be read");
  if (status.ok()) {
    status = CheckNewTokenRevocation(revocation, now);
  }
  if (status.ok()) {
    return std::nullopt;
  }
  return Fault{.reason = v1::ERROR_REASON_PAYLOAD_INVALID,
               .message = fmt::format("the payload is no good {}: {}", kRevocationType, Message(status)),
               .field = "payload.value",
               .value = std::string(kRevocationType)};
}

}  // namespace

Validator::Validator(const TypesInForce& types, size_t event_bytes_max, EventIdMaker make_id, Clock clock)
    : types_(types), event_bytes_max_(event_bytes_max), make_id_(std::move(make_id)), clock_(std::move(clock)) {}

std::optional<Fault> Validator::Validate(std::string_view bytes, std::deque<std::string>& made, log::NewEvent& event,
                                         const Rights& rights) const {
  if (bytes.size() > event_bytes_max_) {
    return TooLarge(bytes.size(), event_bytes_max_);
  }
  EventView view;
  EventForm form = ReadEvent(bytes, view);
  if (form == EventForm::kOther) {
    std::optional<std::string> canonical = Canonical(bytes);
    form = EventForm::kMalformed;
    if (canonical.has_value()) {
      form = ReadEvent(made.emplace_back(*std::move(canonical)), view);
    }
  }
  if (form != EventForm::kCanonical) {
    return Fault{.reason = v1::ERROR_REASON_FIELD_INVALID, .message = "the bytes are not a weir.v1.Event"};
  }
  std::optional<Fault> fault = CheckTopic(view.topic);
  if (!fault.has_value()) {
    fault = CheckId(view.topic, view.id);
  }
  if (!fault.has_value() && view.has_time) {
    fault = CheckTime(view.time, made, event.time);
  }
  if (!fault.has_value()) {
    fault = CheckAttributes(view.attributes);
  }
  if (!fault.has_value()) {
    fault = CheckPayload(view, made, event);
  }
  if (!fault.has_value() && !rights.MayPublish(view.topic, view.type_name())) {
    fault = PublishDenied(view);
  }
  if (fault.has_value()) {
    return fault;
  }
  event.topic = view.topic;
  event.has_time = view.has_time;
  event.id = view.id.empty() ? std::string_view(made.emplace_back(make_id_())) : view.id;
  return std::nullopt;
}

std::optional<Fault> Validator::CheckPayload(const EventView& view, std::deque<std::string>& made,
                                             log::NewEvent& event) const {
  const std::string_view name = view.type_name();
  const EventTypes& types = types_.get();
  const EventType* type = types.Find(name);
  if (type == nullptr) {
    return types.IsMessage(name)
               ? TypeFault(v1::ERROR_REASON_TYPE_NOT_PUBLISHABLE, name,
                           fmt::format("type {} cannot be published: it has no option (weir.v1.event), or is a control "
                                       "frame",
                                       Quotable(name)))
               : TypeFault(v1::ERROR_REASON_TYPE_UNKNOWN, name,
                           fmt::format("the server has no descriptor of the payload's type \"{}\"", Quotable(name)));
  }
  if (IsReservedTopic(view.topic) && name != kRevocationType) {
    return TypeFault(v1::ERROR_REASON_TYPE_NOT_ALLOWED_ON_TOPIC, name,
                     fmt::format("topic {} is the system's: topics that begin with `weir` take {} alone, on {}",
                                 view.topic, kRevocationType, kRevocationsTopic));
  }
  if (type->topics.has_value() && !type->topics->Matches(view.topic)) {
    return TypeFault(v1::ERROR_REASON_TYPE_NOT_ALLOWED_ON_TOPIC, name,
                     fmt::format("type {} is not allowed on topic {}; its option (weir.v1.event).topics allows {}",
                                 name, view.topic, fmt::join(type->topics->filters(), ", ")));
  }
  std::string_view payload = view.payload;
  switch (type->checker->Check(payload)) {
    case EventForm::kCanonical:
      break;
    case EventForm::kOther: {
      std::optional<std::string> rewritten = types.Rewrite(*type, payload);
      if (!rewritten.has_value() || type->checker->Check(*rewritten) == EventForm::kMalformed) {
        return PayloadFault(*type);
      }
      payload = made.emplace_back(*std::move(rewritten));
      break;
    }
    case EventForm::kMalformed:
      return PayloadFault(*type);
  }
  if (name == kRevocationType) {
    if (std::optional<Fault> fault = CheckRevocation(payload, clock_()); fault.has_value()) {
      return fault;
    }
  }
  const bool standard_url =
      view.type_url.size() == kTypeUrlPrefix.size() + name.size() && view.type_url.starts_with(kTypeUrlPrefix);
  if (standard_url && payload.data() == view.payload.data()) {
    event.tail = view.tail;
    return std::nullopt;
  }
  std::string any;
  any.reserve(payload.size() + name.size() + 40);
  wire::AppendBytes(any, 1, std::string(kTypeUrlPrefix).append(name));
  if (!payload.empty()) {
    wire::AppendBytes(any, 2, payload);
  }
  std::string tail(view.attributes);
  wire::AppendBytes(tail, 8, any);
  event.tail = made.emplace_back(std::move(tail));
  if (event.tail.size() > event_bytes_max_) {
    return TooLarge(event.tail.size(), event_bytes_max_);
  }
  return std::nullopt;
}

}  // namespace weir::server
