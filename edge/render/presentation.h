// How a route shows an event: SSE event name, envelope, names of JSON members.
//
// Envelopes. `data` is always the payload as proto3 JSON (edge/render/json_plan.h).
//   none         the payload itself.
//   event        {"type","data",…}: `type` is the type's SSE event name, also where the route sets another one. Then
//                the members asked for: `timestamp` (event.time, else its publish time, RFC 3339 in UTC), `eventId`,
//                `topic`, `sequence` (a string, as proto3 JSON writes 64-bit numbers). Then those of the attributes
//                asked for that the event has: `tenant_id` as `tenantId`, or as it is with FieldNames::kProto.
//   cloudevents  CloudEvents 1.0 in its JSON format: `specversion`, `id` (the event's), `source` (`/` and the topic:
//                together with the id it is unique), `type` (the payload's full name), `subject` (the topic), `time`,
//                `datacontenttype`, the attributes asked for as extension attributes (lower-case letters and digits:
//                `tenantid`), `data`.
#ifndef WEIR_EDGE_RENDER_PRESENTATION_H_
#define WEIR_EDGE_RENDER_PRESENTATION_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "base/event_view.h"
#include "edge/render/frame.h"
#include "edge/render/schema.h"

namespace weir::edge {

enum class EnvelopeKind { kNone, kEvent, kCloudEvents };

struct PresentationOptions {
  FieldNames field_names = FieldNames::kCamel;
  EnvelopeKind envelope = EnvelopeKind::kNone;
  std::vector<std::string> members;     // of timestamp, eventId, topic, sequence; in this order
  std::vector<std::string> attributes;  // shown as members when the event has them
  std::string event_name;               // empty: the type's
  Framing framing = Framing::kSse;

  friend bool operator==(const PresentationOptions&, const PresentationOptions&) = default;
};

// The member that shows an attribute: of `tenant_id` it is `tenantId`, `tenant_id` (FieldNames::kProto) or `tenantid`
// (CloudEvents).
std::string AttributeMember(std::string_view key, const PresentationOptions& options);

// Renders events. The options are the caller's to check: members that are known and differ, keys of attributes whose
// members differ from them and from each other, an event name that is one. Const after it is made; any thread.
class Presentation {
 public:
  explicit Presentation(PresentationOptions options);

  // Appends one SSE block, `event: …\nid: …\ndata: …\n\n`, or one WebSocket message in its frame,
  // `{"event":…,"id":…,"data":…}`. NOT_FOUND: the schema does not know the type; INVALID_ARGUMENT: the event cannot be
  // rendered; then nothing was appended.
  absl::Status AppendFrame(const EventView& event, const Schema& schema, std::string& out) const;

  // Appends `{"id":…,"event":…,"data":…}`, an item of a poll.
  absl::Status AppendPollItem(const EventView& event, const Schema& schema, std::string& out) const;

  const PresentationOptions& options() const { return options_; }

 private:
  // What an event is shown as: its name and its type's plan.
  struct Look {
    std::string_view name;
    const MessagePlan* plan = nullptr;
    const JsonPlans* plans = nullptr;
  };
  absl::Status AppendBlock(const EventView& event, const Schema& schema, const Look& look, std::string& out) const;
  absl::Status AppendMessage(const EventView& event, const Schema& schema, const Look& look, std::string& out) const;
  absl::Status FindLook(const EventView& event, const Schema& schema, Look& look) const;
  absl::Status AppendData(const EventView& event, const Schema& schema, const Look& look, std::string& out) const;
  absl::Status AppendEnvelope(const EventView& event, const Schema& schema, const Look& look, std::string& out) const;
  absl::Status AppendCloudEvent(const EventView& event, const Look& look, std::string& out) const;
  absl::Status AppendAttributes(const EventView& event, std::string& out) const;

  PresentationOptions options_;
  std::vector<std::string> attribute_members_;  // `,"name":` of each attribute
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_RENDER_PRESENTATION_H_
