#include "tests/chaos/applications.h"

#include <nlohmann/json.hpp>

#include "apps/dispatch/v1/dispatch.pb.h"
#include "apps/goals/v1/goals.pb.h"
#include "apps/imagegen/v1/imagegen.pb.h"
#include "apps/notifications/v1/notifications.pb.h"
#include "apps/vehicles/v1/vehicles.pb.h"
#include "tests/support/system.h"

namespace weir::chaos {
namespace {

using apps::dispatch::v1::FlashMessage;
using apps::goals::v1::GoalCreated;
using apps::imagegen::v1::GenerationUpdate;
using apps::notifications::v1::Notification;
using apps::vehicles::v1::VehicleUpdate;

void Pack(const std::string& topic, const std::string& text, google::protobuf::Any& payload) {
  if (topic.starts_with("dispatch.")) {
    FlashMessage message;
    message.set_text(text);
    payload.PackFrom(message);
  } else if (topic.starts_with("tenants.")) {
    GoalCreated message;
    message.set_title(text);
    payload.PackFrom(message);
  } else if (topic.ends_with("notifications")) {
    Notification message;
    message.set_message(text);
    payload.PackFrom(message);
  } else if (topic.starts_with("users.")) {
    GenerationUpdate message;
    message.set_message(text);
    payload.PackFrom(message);
  } else {
    VehicleUpdate message;
    message.set_request_id(text);
    payload.PackFrom(message);
  }
}

}  // namespace

const std::vector<std::string>& Topics() {
  static const std::vector<std::string> topics = {
      "dispatch.broadcast",      "dispatch.north",          "dispatch.south.cars",       "tenants.acme.goals",
      "tenants.blue.goals",      "users.alice.imagegen.r1", "users.alice.imagegen.r2",   "users.bob.imagegen.r1",
      "users.bob.notifications", "broadcast.notifications", "users.alice.notifications", "vehicles.updates"};
  return topics;
}

v1::Event EventOn(const std::string& topic, const std::string& event_id, const std::string& filler) {
  v1::Event event;
  event.set_topic(topic);
  event.set_id(event_id);
  Pack(topic, event_id + " " + filler, *event.mutable_payload());
  return event;
}

std::optional<std::string> TextOf(const v1::Event& event) {
  if (FlashMessage message; event.payload().UnpackTo(&message)) {
    return message.text();
  }
  if (GoalCreated message; event.payload().UnpackTo(&message)) {
    return message.title();
  }
  if (Notification message; event.payload().UnpackTo(&message)) {
    return message.message();
  }
  if (GenerationUpdate message; event.payload().UnpackTo(&message)) {
    return message.message();
  }
  if (VehicleUpdate message; event.payload().UnpackTo(&message)) {
    return message.request_id();
  }
  return std::nullopt;
}

std::optional<std::string> TextOf(const nlohmann::json& data) {
  if (!data.is_object()) {
    return std::nullopt;
  }
  if (const auto inner = data.find("data"); inner != data.end()) {
    return TextOf(*inner);
  }
  for (const char* name : {"text", "title", "message", "requestId"}) {
    const auto member = data.find(name);
    if (member != data.end() && member->is_string() && *member != "") {
      return member->get<std::string>();
    }
  }
  return std::nullopt;
}

std::string EventIdOf(const std::string& text) { return text.substr(0, text.find(' ')); }

const std::vector<View>& Views() {
  static const std::vector<View> views = {
      {"/chaos/everything", "", "", {">"}},
      {"/chaos/dispatch", "", "", {"dispatch.>"}},
      {"/chaos/users", "", "", {"users.*.notifications", "vehicles.updates"}},
      {"/chaos/own", "alice", "acme", {"tenants.acme.>", "users.alice.>"}},
      {"/chaos/own", "bob", "blue", {"tenants.blue.>", "users.bob.>"}},
      {"/realtime", "carol", "acme", {"tenants.acme.goals"}},
      {"/realtime", "dora", "blue", {"tenants.blue.goals"}},
      {"/api/sse", "", "", {"dispatch.broadcast"}},
      {"/api/vehicles/updates", "alice", "", {"vehicles.updates"}},
      {"/api/notifications/stream", "bob", "", {"users.bob.notifications", "broadcast.notifications"}},
      {"/api/image-gen/events", "alice", "", {"users.alice.imagegen.*"}},
      {"/api/image-gen/events?request_id=r1", "alice", "", {"users.alice.imagegen.r1"}},
  };
  return views;
}

std::string RoutesYaml() {
  return testing::FiveRoutesYaml() + R"(
  - path: /chaos/everything
    filters: [">"]
    heartbeat: {interval: 1s, event: heartbeat}
    retry: 100ms
  - path: /chaos/dispatch
    filters: ["dispatch.>"]
    envelope: {kind: event}
    heartbeat: {interval: 1s}
  - path: /chaos/users
    filters: ["users.*.notifications", "vehicles.updates"]
    heartbeat: {interval: 1s, event: heartbeat}
  - path: /chaos/own
    filters: ["tenants.{jwt.tenant_id}.>", "users.{jwt.sub}.>"]
    auth: required
    envelope: {kind: cloudevents}
    heartbeat: {interval: 1s, event: heartbeat}
)";
}

}  // namespace weir::chaos
