// How a route shows an event: SSE event name, envelope, names of JSON members.
#ifndef WEIR_EDGE_RENDER_PRESENTATION_H_
#define WEIR_EDGE_RENDER_PRESENTATION_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/event_view.h"
#include "weir/v1/event_bus.pb.h"

namespace weir::edge {

// The event types at one schema version, compiled for rendering. Immutable; any thread. Every event of the tail refers to
// the schema that it came under, so that a change of schema needs no lock.
class Schema {
 public:
  // INVALID_ARGUMENT: a descriptor set that does not link, or that this protobuf cannot load (editions).
  static absl::StatusOr<std::shared_ptr<const Schema>> Compile(const v1::GetSchemaResponse& response);
  virtual ~Schema() = default;
  virtual const std::string& version() const = 0;
  // The SSE event name of a type, or empty when the type is unknown.
  virtual std::string_view EventName(std::string_view type_name) const = 0;
};

enum class FieldNames { kCamel, kProto };
enum class EnvelopeKind { kNone, kEvent, kCloudEvents };

struct PresentationOptions {
  FieldNames field_names = FieldNames::kCamel;
  EnvelopeKind envelope = EnvelopeKind::kNone;
  std::vector<std::string> members;     // of timestamp, eventId, topic, sequence; in this order
  std::vector<std::string> attributes;  // shown as members when the event has them
  std::string event_name;               // empty: the type's
};

// Renders events. Const after it is made; any thread.
class Presentation {
 public:
  explicit Presentation(PresentationOptions options);

  // Appends one SSE block, `event: …\nid: …\ndata: …\n\n`. NOT_FOUND: the schema does not know the type;
  // INVALID_ARGUMENT: the payload cannot be rendered; then nothing was appended.
  absl::Status AppendFrame(const EventView& event, const Schema& schema, std::string& out) const;

  // Appends `{"id":…,"event":…,"data":…}`, an item of a poll.
  absl::Status AppendPollItem(const EventView& event, const Schema& schema, std::string& out) const;

  const PresentationOptions& options() const { return options_; }

 private:
  PresentationOptions options_;
};

// Appends an SSE block of the edge's own: name, id (skipped when empty), one line of data, and `retry:` when not negative.
// The rules of the bytes are docs/http-api.md's.
void AppendControlFrame(std::string_view name, std::string_view id, std::string_view data, int64_t retry_millis,
                        std::string& out);

}  // namespace weir::edge

#endif  // WEIR_EDGE_RENDER_PRESENTATION_H_
