// Our own options of weir/v1/options.proto, read from a descriptor of any pool. Pure; any thread.
#ifndef WEIR_EDGE_RENDER_OPTIONS_H_
#define WEIR_EDGE_RENDER_OPTIONS_H_

#include "google/protobuf/descriptor.h"
#include "weir/v1/options.pb.h"

namespace weir::edge {

// Each is empty when the option is not set.
v1::EventOptions EventOptionsOf(const google::protobuf::Descriptor& type);
v1::FieldOptions FieldOptionsOf(const google::protobuf::FieldDescriptor& field);
v1::EnumValueOptions EnumValueOptionsOf(const google::protobuf::EnumValueDescriptor& value);

}  // namespace weir::edge

#endif  // WEIR_EDGE_RENDER_OPTIONS_H_
