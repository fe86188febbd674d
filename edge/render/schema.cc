#include "edge/render/schema.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "base/text.h"
#include "edge/render/frame.h"
#include "google/protobuf/descriptor.h"

namespace weir::edge {
namespace {

// Keeps the first error of building a file.
class FirstError : public google::protobuf::DescriptorPool::ErrorCollector {
 public:
  void AddError(const std::string& file, const std::string& element, const google::protobuf::Message* descriptor,
                ErrorLocation location, const std::string& message) override {
    static_cast<void>(descriptor);
    static_cast<void>(location);
    if (text.empty()) {
      text = fmt::format("{}: {}: {}", Quotable(file), Quotable(element), Quotable(message, 200));
    }
  }

  std::string text;
};

class CompiledSchema : public Schema {
 public:
  absl::Status Init(const v1::GetSchemaResponse& response);

  const std::string& version() const override { return version_; }

  std::string_view EventName(std::string_view type_name) const override {
    const auto it = names_.find(type_name);
    return it == names_.end() ? std::string_view() : std::string_view(it->second);
  }

  const JsonPlans& plans(FieldNames names) const override {
    return names == FieldNames::kProto ? *proto_plans_ : *camel_plans_;
  }

 private:
  std::string version_;
  google::protobuf::DescriptorPool pool_;  // outlives the plans
  TextMap<std::string> names_;
  std::shared_ptr<const JsonPlans> camel_plans_;
  std::shared_ptr<const JsonPlans> proto_plans_;
};

absl::Status CompiledSchema::Init(const v1::GetSchemaResponse& response) {
  version_ = response.version();
  std::vector<const google::protobuf::FileDescriptor*> files;
  for (const google::protobuf::FileDescriptorProto& file : response.files().file()) {
    FirstError error;
    files.push_back(pool_.BuildFileCollectingErrors(file, &error));
    if (files.back() == nullptr) {
      return absl::InvalidArgumentError(fmt::format("schema {}: {}", Quotable(version_), error.text));
    }
  }
  for (const v1::EventType& type : response.event_types()) {
    if (pool_.FindMessageTypeByName(type.type()) == nullptr) {
      return absl::InvalidArgumentError(
          fmt::format("schema {}: no file holds the event type {}", Quotable(version_), Quotable(type.type())));
    }
    if (!IsEventName(type.name())) {
      return absl::InvalidArgumentError(fmt::format("schema {}: {} cannot be the event name of {}", Quotable(version_),
                                                    Quotable(type.name()), type.type()));
    }
    names_[type.type()] = type.name();
  }
  camel_plans_ = JsonPlans::Compile(files, FieldNames::kCamel);
  proto_plans_ = JsonPlans::Compile(files, FieldNames::kProto);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Schema>> Schema::Compile(const v1::GetSchemaResponse& response) {
  auto schema = std::make_shared<CompiledSchema>();
  if (absl::Status status = schema->Init(response); !status.ok()) {
    return status;
  }
  return std::shared_ptr<const Schema>(std::move(schema));
}

}  // namespace weir::edge
