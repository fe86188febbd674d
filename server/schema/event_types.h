// The event types that a server takes: messages with `option (weir.v1.event)` of the operator's descriptor sets, and
// the system's own weir.v1.TokenRevocation, which is part of the API and not of the schema.
//
// Immutable after Load; any thread. Owns the descriptors it gives out. Bounded by the 4 MiB of a GetSchema answer.
#ifndef WEIR_SERVER_SCHEMA_EVENT_TYPES_H_
#define WEIR_SERVER_SCHEMA_EVENT_TYPES_H_

#include <google/protobuf/descriptor.h>
#include <google/protobuf/dynamic_message.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/filter.h"
#include "base/text.h"
#include "server/schema/descriptor_sets.h"
#include "server/schema/payload_checker.h"

namespace weir::server {

// One type that may be published.
struct EventType {
  std::string type;                 // full name
  std::string name;                 // SSE event name
  std::optional<FilterSet> topics;  // none: any topic
  const google::protobuf::Descriptor* descriptor = nullptr;
  std::shared_ptr<const PayloadChecker> checker;
};

class EventTypes {
 public:
  // What GetSchema may answer, in bytes: below gRPC's default limit of a message.
  static constexpr size_t kSchemaBytesMax = 4'000'000;

  // INVALID_ARGUMENT: what MergeDescriptorSets and descriptor building refuse; an event name that is malformed,
  // reserved or not unique in its package; a bad topic filter; more than kSchemaBytesMax. Each names file and type.
  // No sets at all are allowed: then nothing can be published.
  static absl::StatusOr<std::shared_ptr<const EventTypes>> Load(std::span<const DescriptorSetFile> sets);

  EventTypes(const EventTypes&) = delete;
  EventTypes& operator=(const EventTypes&) = delete;

  // Null when the type is unknown or not publishable.
  const EventType* Find(std::string_view full_name) const;
  // Whether a message of that name is known at all.
  bool IsMessage(std::string_view full_name) const;

  size_t size() const { return types_.size(); }

  // Names the content: equal versions are equal schemas.
  const std::string& version() const { return version_; }
  // The wire bytes of GetSchemaResponse in full, and of one that holds nothing but the version.
  const std::string& schema_bytes() const { return schema_bytes_; }
  const std::string& version_bytes() const { return version_bytes_; }

  // Reads the payload as a message of its type and writes it canonically. Null when it cannot be read.
  std::optional<std::string> Rewrite(const EventType& type, std::string_view payload) const;

 private:
  EventTypes();

  absl::Status Build(const google::protobuf::FileDescriptorSet& files);
  absl::Status AddMessage(const google::protobuf::Descriptor& message);
  absl::Status CheckNames() const;
  absl::Status WriteSchema(const google::protobuf::FileDescriptorSet& files);

  struct ControlFrame {
    std::string name;
    const google::protobuf::Descriptor* descriptor;
  };

  google::protobuf::DescriptorPool pool_;
  // Makes prototypes lazily, under a lock of its own.
  mutable google::protobuf::DynamicMessageFactory factory_;
  const EventType revocation_;
  TextMap<EventType> types_;
  std::vector<ControlFrame> control_frames_;
  std::string version_;
  std::string schema_bytes_;
  std::string version_bytes_;
};

}  // namespace weir::server

#endif  // WEIR_SERVER_SCHEMA_EVENT_TYPES_H_
