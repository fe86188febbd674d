// The event types that the server knows, ready for rendering.
#ifndef WEIR_EDGE_RENDER_SCHEMA_H_
#define WEIR_EDGE_RENDER_SCHEMA_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "edge/render/json_plan.h"
#include "weir/v1/event_bus.pb.h"

namespace weir::edge {

// The event types at one schema version, compiled for rendering. Immutable; any thread. Every event of the tail refers
// to the schema that it came under, so that a change of schema needs no lock.
class Schema {
 public:
  // INVALID_ARGUMENT: a descriptor set that does not link, or that this protobuf cannot load (editions); an event type
  // that is not in it, or whose name is no SSE event name.
  static absl::StatusOr<std::shared_ptr<const Schema>> Compile(const v1::GetSchemaResponse& response);
  virtual ~Schema() = default;

  virtual const std::string& version() const = 0;
  // The SSE event name of a type, or empty when the type is unknown.
  virtual std::string_view EventName(std::string_view type_name) const = 0;
  // How messages are written.
  virtual const JsonPlans& plans(FieldNames names) const = 0;
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_RENDER_SCHEMA_H_
