// What it costs to render an event, beside the protobuf library's printer.
#include <benchmark/benchmark.h>

#include <string>

#include "apps/notifications/v1/notifications.pb.h"
#include "apps/vehicles/v1/vehicles.pb.h"
#include "edge/render/presentation.h"
#include "google/protobuf/util/json_util.h"
#include "google/protobuf/util/type_resolver_util.h"
#include "tests/support/event_schema.h"
#include "weir/v1/event.pb.h"

namespace weir::edge {
namespace {

using apps::notifications::v1::Notification;
using apps::vehicles::v1::VehicleUpdate;
using google::protobuf::Message;

VehicleUpdate Vehicles() {
  VehicleUpdate update;
  for (const char* id : {"v1", "v2", "v3"}) {
    auto& vehicle = *update.add_vehicles();
    vehicle.set_id(id);
    vehicle.set_make("Toyota");
    vehicle.set_model("Corona Mark II");
    vehicle.set_year(1970);
    vehicle.set_origin("Japan");
    vehicle.set_miles_per_gallon(24.5);
    vehicle.set_cylinders(4);
    vehicle.set_displacement(113);
    vehicle.set_horsepower(95);
    vehicle.set_weight_lbs(2372);
    vehicle.set_acceleration(15);
  }
  update.mutable_timestamp()->set_seconds(1'700'000'000);
  update.set_request_id("3b4a8c7e-51f2-4f6c-9d44-6f0d6b1c2a10");
  return update;
}

Notification Text() {
  Notification notification;
  notification.set_id("0190a5c2-7b1e-7c3d-8a4f-1b2c3d4e5f60");
  notification.set_type("success");
  notification.set_title("Transcription of \"Board meeting\" is done");
  notification.set_message(
      "The recording of 14 November was transcribed in 12 minutes. You can read it now, share it with others, or have "
      "it "
      "summarised; the recording itself is kept for 30 days and then removed.");
  notification.set_status("unread");
  notification.mutable_created_at()->set_seconds(1'700'000'000);
  return notification;
}

void Frame(benchmark::State& state, const Message& message, PresentationOptions options) {
  v1::Event event;
  event.set_cursor("abcdefgh-1234567");
  event.set_topic("users.u1.notifications");
  event.set_id("0190a5c2-7b1e-7c3d-8a4f-1b2c3d4e5f60");
  event.mutable_publish_time()->set_seconds(1'700'000'000);
  event.mutable_payload()->PackFrom(message);
  const std::string bytes = event.SerializeAsString();
  EventView view;
  ReadEvent(bytes, view);
  const auto schema = Schema::Compile(test::AppsSchema()).value();
  const Presentation presentation(std::move(options));
  std::string out;
  for (auto _ : state) {
    out.clear();
    if (!presentation.AppendFrame(view, *schema, out).ok()) {
      state.SkipWithError("not rendered");
    }
    benchmark::DoNotOptimize(out.data());
  }
  state.counters["event_bytes"] = static_cast<double>(bytes.size());
  state.counters["frame_bytes"] = static_cast<double>(out.size());
}

void Library(benchmark::State& state, const Message& message) {
  const std::string bytes = message.SerializeAsString();
  const std::unique_ptr<google::protobuf::util::TypeResolver> resolver(
      google::protobuf::util::NewTypeResolverForDescriptorPool("type.googleapis.com",
                                                               message.GetDescriptor()->file()->pool()));
  const std::string url = "type.googleapis.com/" + message.GetDescriptor()->full_name();
  std::string out;
  for (auto _ : state) {
    out.clear();
    if (!google::protobuf::util::BinaryToJsonString(resolver.get(), url, bytes, &out).ok()) {
      state.SkipWithError("not rendered");
    }
    benchmark::DoNotOptimize(out.data());
  }
}

PresentationOptions WithEnvelope() {
  PresentationOptions options;
  options.envelope = EnvelopeKind::kEvent;
  options.members = {"timestamp", "eventId"};
  return options;
}

BENCHMARK_CAPTURE(Frame, text, Text(), PresentationOptions());
BENCHMARK_CAPTURE(Frame, text_in_envelope, Text(), WithEnvelope());
BENCHMARK_CAPTURE(Frame, three_vehicles, Vehicles(), PresentationOptions());
BENCHMARK_CAPTURE(Library, text, Text());
BENCHMARK_CAPTURE(Library, three_vehicles, Vehicles());

}  // namespace
}  // namespace weir::edge
