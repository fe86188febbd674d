// Schemas as the server sends them, made from generated types.
#ifndef WEIR_TESTS_SUPPORT_EVENT_SCHEMA_H_
#define WEIR_TESTS_SUPPORT_EVENT_SCHEMA_H_

#include <vector>

#include "google/protobuf/descriptor.h"
#include "weir/v1/event_bus.pb.h"

namespace weir::test {

// The schema, version `v1`, of the event types in these files, with all files that they need.
v1::GetSchemaResponse SchemaOf(const std::vector<const google::protobuf::FileDescriptor*>& files);

// Of the five applications.
v1::GetSchemaResponse AppsSchema();

}  // namespace weir::test

#endif  // WEIR_TESTS_SUPPORT_EVENT_SCHEMA_H_
