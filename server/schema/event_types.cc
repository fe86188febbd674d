#include "server/schema/event_types.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <vector>

#include "server/schema/canonical.h"
#include "weir/v1/event_bus.pb.h"
#include "weir/v1/options.pb.h"
#include "weir/v1/revocation.pb.h"

namespace weir::server {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FileDescriptorProto;
using google::protobuf::FileDescriptorSet;

// Keeps the first error of the descriptors' builder, with its element.
class FirstError : public google::protobuf::DescriptorPool::ErrorCollector {
 public:
  void AddError(const std::string& file, const std::string& element, const google::protobuf::Message*, ErrorLocation,
                const std::string& message) override {
    if (text_.empty()) {
      text_ = fmt::format("{}: {}: {}", file, element, message);
    }
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

absl::Status Refuse(const Descriptor& message, std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("{}: {}: {}", message.file()->name(), message.full_name(), what));
}

// What is wrong with an event name, or empty.
std::string_view NameFault(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  };
  if (name.empty() || name.size() > 64 || !std::all_of(name.begin(), name.end(), allowed)) {
    return "allowed is [A-Za-z0-9._-]{1,64}";
  }
  if (name == "open" || name == "error") {
    return "the name is reserved by EventSource";
  }
  if (name.starts_with("weir.")) {
    return "names that begin with \"weir.\" are reserved";
  }
  return {};
}

// 64 bits of SHA-256, in hexadecimal.
std::string HashOf(const std::string& bytes) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  std::string text;
  for (size_t i = 0; i < 8; ++i) {
    text += fmt::format("{:02x}", digest[i]);
  }
  return text;
}

// Of a type whose options are known to be good.
EventType TypeOf(const Descriptor& message) {
  const v1::EventOptions& options = message.options().GetExtension(v1::event);
  return {.type = message.full_name(),
          .name = options.name(),
          .topics = *FilterSet::Parse({options.topics().begin(), options.topics().end()}),
          .descriptor = &message,
          .checker = PayloadChecker::Compile(message)};
}

}  // namespace

EventTypes::EventTypes() : factory_(&pool_), revocation_(TypeOf(*v1::TokenRevocation::descriptor())) {}

absl::StatusOr<std::shared_ptr<const EventTypes>> EventTypes::Load(std::span<const DescriptorSetFile> sets) {
  absl::StatusOr<FileDescriptorSet> files = MergeDescriptorSets(sets);
  if (!files.ok()) {
    return files.status();
  }
  std::shared_ptr<EventTypes> types(new EventTypes());
  if (absl::Status status = types->Build(*files); !status.ok()) {
    return status;
  }
  return types;
}

const EventType* EventTypes::Find(std::string_view full_name) const {
  if (full_name == revocation_.type) {
    return &revocation_;
  }
  const auto it = types_.find(full_name);
  return it == types_.end() ? nullptr : &it->second;
}

bool EventTypes::IsMessage(std::string_view full_name) const {
  return pool_.FindMessageTypeByName(std::string(full_name)) != nullptr;
}

std::optional<std::string> EventTypes::Rewrite(const EventType& type, std::string_view payload) const {
  const std::unique_ptr<google::protobuf::Message> message(factory_.GetPrototype(type.descriptor)->New());
  if (payload.size() > static_cast<size_t>(std::numeric_limits<int>::max()) ||
      !message->ParseFromArray(payload.data(), static_cast<int>(payload.size()))) {
    return std::nullopt;
  }
  return CanonicalBytes(*message);
}

absl::Status EventTypes::Build(const FileDescriptorSet& files) {
  for (const FileDescriptorProto& file : files.file()) {
    FirstError error;
    if (pool_.BuildFileCollectingErrors(file, &error) == nullptr) {
      return absl::InvalidArgumentError(error.text());
    }
  }
  for (const FileDescriptorProto& proto : files.file()) {
    const google::protobuf::FileDescriptor& file = *pool_.FindFileByName(proto.name());
    for (int i = 0; i < file.message_type_count(); ++i) {
      if (absl::Status status = AddMessage(*file.message_type(i)); !status.ok()) {
        return status;
      }
    }
  }
  if (absl::Status status = CheckNames(); !status.ok()) {
    return status;
  }
  return WriteSchema(files);
}

absl::Status EventTypes::AddMessage(const Descriptor& message) {
  for (int i = 0; i < message.nested_type_count(); ++i) {
    if (absl::Status status = AddMessage(*message.nested_type(i)); !status.ok()) {
      return status;
    }
  }
  if (!message.options().HasExtension(v1::event) || message.full_name() == revocation_.type) {
    return absl::OkStatus();
  }
  const v1::EventOptions& options = message.options().GetExtension(v1::event);
  if (const std::string_view fault = NameFault(options.name()); !fault.empty()) {
    return Refuse(message, fmt::format("event name \"{}\": {}", Quotable(options.name()), fault));
  }
  if (options.control_frame() != v1::CONTROL_FRAME_UNSPECIFIED) {
    control_frames_.push_back({options.name(), &message});
    return absl::OkStatus();
  }
  EventType type{
      .type = message.full_name(), .name = options.name(), .topics = {}, .descriptor = &message, .checker = {}};
  if (options.topics_size() > 0) {
    absl::StatusOr<FilterSet> topics = FilterSet::Parse({options.topics().begin(), options.topics().end()});
    if (!topics.ok()) {
      return Refuse(message, Message(topics.status()));
    }
    type.topics = *std::move(topics);
  }
  type.checker = PayloadChecker::Compile(message);
  types_.emplace(message.full_name(), std::move(type));
  return absl::OkStatus();
}

absl::Status EventTypes::CheckNames() const {
  std::map<std::string_view, const Descriptor*> reserved;
  for (const ControlFrame& frame : control_frames_) {
    reserved.emplace(frame.name, frame.descriptor);
  }
  std::map<std::pair<std::string_view, std::string_view>, const Descriptor*> seen;
  for (const auto& [full_name, type] : types_) {
    if (const auto it = reserved.find(type.name); it != reserved.end()) {
      return Refuse(*type.descriptor, fmt::format("event name \"{}\" is the name of the control frame {}", type.name,
                                                  it->second->full_name()));
    }
    const auto [it, added] = seen.try_emplace({type.descriptor->file()->package(), type.name}, type.descriptor);
    if (!added) {
      return Refuse(*type.descriptor, fmt::format("event name \"{}\" is also the name of {}; names are unique within "
                                                  "a package",
                                                  type.name, it->second->full_name()));
    }
  }
  return absl::OkStatus();
}

absl::Status EventTypes::WriteSchema(const FileDescriptorSet& files) {
  v1::GetSchemaResponse response;
  *response.mutable_files() = files;
  std::map<std::string_view, const EventType*> sorted;
  for (const auto& [full_name, type] : types_) {
    sorted.emplace(full_name, &type);
  }
  for (const auto& [full_name, type] : sorted) {
    v1::EventType& entry = *response.add_event_types();
    entry.set_type(type->type);
    entry.set_name(type->name);
  }
  version_ = HashOf(CanonicalBytes(response));
  response.set_version(version_);
  schema_bytes_ = CanonicalBytes(response);
  if (schema_bytes_.size() > kSchemaBytesMax) {
    return absl::InvalidArgumentError(
        fmt::format("the descriptor sets hold {} bytes without source information; at "
                    "most {} are allowed",
                    schema_bytes_.size(), kSchemaBytesMax));
  }
  v1::GetSchemaResponse known;
  known.set_version(version_);
  version_bytes_ = known.SerializeAsString();
  return absl::OkStatus();
}

}  // namespace weir::server
