// JSON by the protobuf library, for the few types that have no plan. Slow.
#ifndef WEIR_EDGE_RENDER_JSON_LIBRARY_H_
#define WEIR_EDGE_RENDER_JSON_LIBRARY_H_

#include <string>
#include <string_view>

#include "edge/render/json_plan.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/dynamic_message.h"

namespace weir::edge {

// Any thread. The descriptors' pool must outlive it.
class JsonLibrary {
 public:
  explicit JsonLibrary(FieldNames names) : names_(names) {}

  // Appends the message as JSON. False when the library refuses the bytes; nothing was appended then.
  bool Append(const google::protobuf::Descriptor& type, std::string_view bytes, std::string& out) const;

 private:
  const FieldNames names_;
  mutable google::protobuf::DynamicMessageFactory factory_;  // locks for itself
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_RENDER_JSON_LIBRARY_H_
