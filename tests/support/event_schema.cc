#include "tests/support/event_schema.h"

#include "apps/dispatch/v1/dispatch.pb.h"
#include "apps/goals/v1/goals.pb.h"
#include "apps/imagegen/v1/imagegen.pb.h"
#include "apps/notifications/v1/notifications.pb.h"
#include "apps/vehicles/v1/vehicles.pb.h"
#include "weir/v1/options.pb.h"

namespace weir::test {
namespace {

void AddFile(const google::protobuf::FileDescriptor& file, google::protobuf::FileDescriptorSet& files) {
  for (int i = 0; i < file.dependency_count(); ++i) {
    AddFile(*file.dependency(i), files);
  }
  for (const auto& known : files.file()) {
    if (known.name() == file.name()) {
      return;
    }
  }
  file.CopyTo(files.add_file());
  file.CopyJsonNameTo(files.mutable_file(files.file_size() - 1));
}

}  // namespace

v1::GetSchemaResponse SchemaOf(const std::vector<const google::protobuf::FileDescriptor*>& files) {
  v1::GetSchemaResponse response;
  response.set_version("v1");
  for (const auto* file : files) {
    AddFile(*file, *response.mutable_files());
    for (int i = 0; i < file->message_type_count(); ++i) {
      const auto& message = *file->message_type(i);
      if (message.options().HasExtension(v1::event)) {
        auto& type = *response.add_event_types();
        type.set_type(message.full_name());
        type.set_name(message.options().GetExtension(v1::event).name());
      }
    }
  }
  return response;
}

v1::GetSchemaResponse AppsSchema() {
  return SchemaOf({apps::dispatch::v1::FlashMessage::descriptor()->file(),
                   apps::goals::v1::GoalCreated::descriptor()->file(),
                   apps::imagegen::v1::GenerationUpdate::descriptor()->file(),
                   apps::notifications::v1::Notification::descriptor()->file(),
                   apps::vehicles::v1::VehicleUpdate::descriptor()->file()});
}

}  // namespace weir::test
