#include "edge/render/options.h"

#include "google/protobuf/descriptor.pb.h"

namespace weir::edge {
namespace {

// In a pool of descriptors that came as data the option may be an unknown field: only after its bytes are parsed again
// is it certainly the extension that our generated code knows.
template <typename Result, typename Options, typename Extension>
Result Read(const Options& options, const Extension& extension) {
  if (options.ByteSizeLong() == 0) {
    return Result();
  }
  Options again;
  again.ParseFromString(options.SerializeAsString());
  return again.GetExtension(extension);
}

}  // namespace

v1::EventOptions EventOptionsOf(const google::protobuf::Descriptor& type) {
  return Read<v1::EventOptions>(type.options(), v1::event);
}

v1::FieldOptions FieldOptionsOf(const google::protobuf::FieldDescriptor& field) {
  return Read<v1::FieldOptions>(field.options(), v1::field);
}

v1::EnumValueOptions EnumValueOptionsOf(const google::protobuf::EnumValueDescriptor& value) {
  return Read<v1::EnumValueOptions>(value.options(), v1::enum_value);
}

}  // namespace weir::edge
