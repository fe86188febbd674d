// Proto3 JSON straight from wire bytes.
//
// A plan per message type, compiled once from its descriptor, knows each field's number, wire type and member name. It
// walks the bytes once and writes JSON on one line, without message objects; this is some ten times faster than the
// protobuf library's printer. It follows proto3 JSON (https://protobuf.dev/programming-guides/json/) and the options of
// weir/v1/options.proto:
//   - members stand in field-number order whatever the order on the wire; unknown fields are skipped;
//   - what the library's parser would make of repeated singular fields, of several members of a oneof and of a map's
//   key
//     that comes twice, is shown: the last one wins, messages are merged;
//   - `print_defaults` holds for the fields of the message type that carries it, not for messages within it;
//   - an `Any` of a type of these plans is shown; another one is an error;
//   - messages (and `Any`) may lie 100 deep;
//   - groups and extensions of proto2 are skipped, as the library does.
#ifndef WEIR_EDGE_RENDER_JSON_PLAN_H_
#define WEIR_EDGE_RENDER_JSON_PLAN_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "google/protobuf/descriptor.h"

namespace weir::edge {

// The names of JSON members: the field's JSON name (lowerCamelCase unless `json_name` is set), or its name in the proto
// file.
enum class FieldNames { kCamel, kProto };

struct MessagePlan;

// The plans of all message types of some files. Immutable; any thread. The descriptors' pool must outlive it.
class JsonPlans {
 public:
  static std::shared_ptr<const JsonPlans> Compile(const std::vector<const google::protobuf::FileDescriptor*>& files,
                                                  FieldNames names);
  virtual ~JsonPlans() = default;

  // The plan of a message type by its full name; null when it is unknown. Lives as long as this.
  virtual const MessagePlan* Find(std::string_view full_name) const = 0;

  // Appends the message whose wire bytes are `bytes` as one JSON value. INVALID_ARGUMENT: the bytes cannot be shown
  // (they are malformed, text is not UTF-8, an `Any` is unknown, a time is out of range); then nothing was appended.
  virtual absl::Status Append(const MessagePlan& plan, std::string_view bytes, std::string& out) const = 0;
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_RENDER_JSON_PLAN_H_
