#include "clients/cli/schema.h"

#include <utility>

#include "base/text.h"
#include "clients/cli/output.h"
#include "fmt/format.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/dynamic_message.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/util/json_util.h"
#include "google/protobuf/util/type_resolver.h"
#include "google/protobuf/util/type_resolver_util.h"
#include "weir/v1/revocation.pb.h"

namespace weir::cli {
namespace {

constexpr char kUrlPrefix[] = "type.googleapis.com/";
constexpr absl::Duration kTimeout = absl::Seconds(10);

absl::Status PayloadInvalid(const std::string& type, std::string_view problem) {
  return Error(absl::StatusCode::kInvalidArgument, "PAYLOAD_INVALID",
               fmt::format("data is not a {}: {}", type, problem));
}

// Adds the file, and before it what it imports, unless it is there.
void AddFile(const google::protobuf::FileDescriptor& file, google::protobuf::DescriptorPool& pool) {
  if (pool.FindFileByName(file.name()) != nullptr) {
    return;
  }
  for (int i = 0; i < file.dependency_count(); ++i) {
    AddFile(*file.dependency(i), pool);
  }
  google::protobuf::FileDescriptorProto proto;
  file.CopyTo(&proto);
  pool.BuildFile(proto);
}

std::string Text(const google::protobuf::util::Status& status) {
  return std::string(status.message().data(), status.message().size());
}

}  // namespace

struct Schema::Types {
  std::string version;
  google::protobuf::DescriptorPool pool;
  google::protobuf::DynamicMessageFactory factory{&pool};
  std::unique_ptr<google::protobuf::util::TypeResolver> resolver;

  const google::protobuf::Descriptor* Find(const std::string& type) const { return pool.FindMessageTypeByName(type); }

  std::unique_ptr<google::protobuf::Message> New(const std::string& type) const {
    // The factory locks itself: it is const in all but name.
    auto& messages = const_cast<google::protobuf::DynamicMessageFactory&>(factory);
    return std::unique_ptr<google::protobuf::Message>(messages.GetPrototype(Find(type))->New());
  }
};

Schema::Schema(Client& client) : client_(client) {}
Schema::~Schema() = default;

absl::Status Schema::Refresh() {
  v1::GetSchemaRequest request;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (types_ != nullptr) {
      request.set_known_version(types_->version);
    }
  }
  const absl::StatusOr<v1::GetSchemaResponse> response = client_.GetSchema(request, absl::Now() + kTimeout);
  if (!response.ok()) {
    return response.status();
  }
  if (!request.known_version().empty() && response->version() == request.known_version()) {
    return absl::OkStatus();
  }
  auto types = std::make_shared<Types>();
  types->version = response->version();
  for (const google::protobuf::FileDescriptorProto& file : response->files().file()) {
    if (types->pool.BuildFile(file) == nullptr) {
      return absl::InternalError(fmt::format("the server's descriptor of {} cannot be used", file.name()));
    }
  }
  // The system's own type is in no schema.
  if (types->Find(v1::TokenRevocation::descriptor()->full_name()) == nullptr) {
    AddFile(*v1::TokenRevocation::descriptor()->file(), types->pool);
  }
  types->resolver.reset(google::protobuf::util::NewTypeResolverForDescriptorPool("type.googleapis.com", &types->pool));
  const std::lock_guard<std::mutex> lock(mutex_);
  types_ = std::move(types);
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const Schema::Types>> Schema::TypesWith(const std::string& type) {
  for (const bool fetched : {false, true}) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (types_ != nullptr && types_->Find(type) != nullptr) {
        return types_;
      }
    }
    if (fetched) {
      break;
    }
    if (absl::Status status = Refresh(); !status.ok()) {
      return status;
    }
  }
  return Error(absl::StatusCode::kInvalidArgument, "TYPE_UNKNOWN",
               fmt::format("the server has no type '{}'; `weir schema` lists them", Quotable(type)));
}

absl::StatusOr<std::string> Schema::FromJson(const std::string& type, const std::string& json) {
  absl::StatusOr<std::shared_ptr<const Types>> types = TypesWith(type);
  if (!types.ok()) {
    return types.status();
  }
  std::string bytes;
  const auto status =
      google::protobuf::util::JsonToBinaryString((*types)->resolver.get(), kUrlPrefix + type, json, &bytes);
  if (!status.ok()) {
    return PayloadInvalid(type, Text(status));
  }
  // The library writes fields in the order of the JSON: once through a message, and they are in order.
  const std::unique_ptr<google::protobuf::Message> message = (*types)->New(type);
  if (!message->ParseFromString(bytes)) {
    return PayloadInvalid(type, "strings must be UTF-8");
  }
  std::string sorted;
  {
    google::protobuf::io::StringOutputStream stream(&sorted);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message->SerializePartialToCodedStream(&coded);
  }
  return sorted;
}

absl::StatusOr<std::string> Schema::ToJson(const std::string& type, const std::string& bytes) {
  absl::StatusOr<std::shared_ptr<const Types>> types = TypesWith(type);
  if (!types.ok()) {
    return types.status();
  }
  // The library's printer follows the wire and passes over what is broken: so the bytes are parsed first.
  if (!(*types)->New(type)->ParseFromString(bytes)) {
    return PayloadInvalid(type, "its bytes are not a message");
  }
  std::string json;
  const auto status =
      google::protobuf::util::BinaryToJsonString((*types)->resolver.get(), kUrlPrefix + type, bytes, &json);
  if (!status.ok()) {
    return PayloadInvalid(type, Text(status));
  }
  return json;
}

absl::StatusOr<std::string> Schema::Definition(const std::string& type) {
  absl::StatusOr<std::shared_ptr<const Types>> types = TypesWith(type);
  if (!types.ok()) {
    return types.status();
  }
  return (*types)->Find(type)->DebugString();
}

}  // namespace weir::cli
