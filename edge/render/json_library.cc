#include "edge/render/json_library.h"

#include <memory>

#include "google/protobuf/message.h"
#include "google/protobuf/util/json_util.h"

namespace weir::edge {

bool JsonLibrary::Append(const google::protobuf::Descriptor& type, std::string_view bytes, std::string& out) const {
  const std::unique_ptr<google::protobuf::Message> message(factory_.GetPrototype(&type)->New());
  if (!message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return false;
  }
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = names_ == FieldNames::kProto;
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(*message, &json, options).ok()) {
    return false;
  }
  out += json;
  return true;
}

}  // namespace weir::edge
