#include "edge/render/presentation.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "apps/dispatch/v1/dispatch.pb.h"
#include "apps/goals/v1/goals.pb.h"
#include "apps/imagegen/v1/imagegen.pb.h"
#include "apps/notifications/v1/notifications.pb.h"
#include "apps/vehicles/v1/vehicles.pb.h"
#include "edge/testing/client_frame.h"
#include "google/protobuf/util/time_util.h"
#include "tests/support/event_schema.h"
#include "weir/v1/event.pb.h"

namespace weir::edge {
namespace {

using google::protobuf::util::TimeUtil;
using nlohmann::json;

std::shared_ptr<const Schema> Apps() {
  static const std::shared_ptr<const Schema> schema = Schema::Compile(test::AppsSchema()).value();
  return schema;
}

// An event of the log.
v1::Event Event(std::string_view topic, const google::protobuf::Message& payload) {
  v1::Event event;
  event.set_cursor("abcdefgh-17");
  event.set_sequence(17);
  event.set_topic(std::string(topic));
  event.set_id("evt_abc123");
  *event.mutable_publish_time() = TimeUtil::MillisecondsToTimestamp(1'700'000'000'120);
  event.mutable_payload()->PackFrom(payload);
  return event;
}

// An SSE block as a client reads it.
struct Block {
  std::string event;
  std::string id;
  std::string data;
};

Block ReadBlock(std::string_view text) {
  Block block;
  EXPECT_EQ(text.find_first_of(std::string_view("\r\0", 2)), std::string_view::npos);
  EXPECT_TRUE(text.size() > 2 && text.substr(text.size() - 2) == "\n\n") << text;
  EXPECT_EQ(text.find("\n\n"), text.size() - 2) << "one block";
  while (text != "\n" && !text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(line.size() + 1);
    const size_t colon = line.find(": ");
    EXPECT_NE(colon, std::string_view::npos) << line;
    const std::string_view field = line.substr(0, colon);
    std::string& value = field == "event" ? block.event : field == "id" ? block.id : block.data;
    EXPECT_TRUE(value.empty()) << "each field once";
    value = line.substr(colon + 2);
  }
  return block;
}

Block Frame(const v1::Event& event, PresentationOptions options = {}) {
  const std::string bytes = event.SerializeAsString();
  EventView view;
  ReadEvent(bytes, view);
  std::string out = "before";
  const absl::Status status = Presentation(std::move(options)).AppendFrame(view, *Apps(), out);
  EXPECT_TRUE(status.ok()) << status;
  return ReadBlock(std::string_view(out).substr(6));
}

json Data(const v1::Event& event, PresentationOptions options = {}) {
  return json::parse(Frame(event, std::move(options)).data);
}

apps::goals::v1::GoalCreated Goal() {
  apps::goals::v1::GoalCreated goal;
  goal.set_goal_id("123");
  goal.set_title("Run");
  goal.set_tenant_id("tenant-1");
  *goal.mutable_created_at() = TimeUtil::SecondsToTimestamp(1'700'000'000);
  return goal;
}

TEST(PresentationTest, ShowsVehicles) {
  apps::vehicles::v1::VehicleUpdate update;
  auto& vehicle = *update.add_vehicles();
  vehicle.set_id("v1");
  vehicle.set_make("Toyota");
  vehicle.set_year(1970);
  vehicle.set_miles_per_gallon(0);
  vehicle.set_displacement(97.5);
  update.set_request_id("r1");
  *update.mutable_timestamp() = TimeUtil::SecondsToTimestamp(1'700'000'000);
  const Block block = Frame(Event("vehicles.updates", update));
  EXPECT_EQ(block.event, "vehicle_update");
  EXPECT_EQ(block.id, "abcdefgh-17");
  EXPECT_EQ(json::parse(block.data), json::parse(R"({"vehicles":[{"id":"v1","make":"Toyota","year":1970,
      "milesPerGallon":0,"displacement":97.5}],"timestamp":"2023-11-14T22:13:20Z","requestId":"r1"})"));
}

TEST(PresentationTest, ShowsAnEmptyListWhereTheTypeAsksForDefaults) {
  EXPECT_EQ(Frame(Event("vehicles.updates", apps::vehicles::v1::VehicleUpdate())).data,
            R"({"vehicles":[],"requestId":""})");
}

TEST(PresentationTest, ShowsGoalsInTheEventEnvelope) {
  v1::Event event = Event("tenants.tenant-1.goals", Goal());
  *event.mutable_time() = TimeUtil::SecondsToTimestamp(1'700'000'001);
  (*event.mutable_attributes())["tenant_id"] = "tenant-1";
  (*event.mutable_attributes())["trace_id"] = "internal";
  PresentationOptions options;
  options.envelope = EnvelopeKind::kEvent;
  options.members = {"timestamp", "eventId"};
  options.attributes = {"tenant_id", "not_there"};
  const Block block = Frame(event, options);
  EXPECT_EQ(block.event, "goal.created");
  EXPECT_EQ(block.data,
            R"({"type":"goal.created","data":{"goalId":"123","title":"Run","tenantId":"tenant-1",)"
            R"("createdAt":"2023-11-14T22:13:20Z"},"timestamp":"2023-11-14T22:13:21Z","eventId":"evt_abc123",)"
            R"("tenantId":"tenant-1"})");
}

TEST(PresentationTest, KeepsTheNamesOfTheProtoFileWhenAsked) {
  v1::Event event = Event("tenants.tenant-1.goals", Goal());
  (*event.mutable_attributes())["tenant_id"] = "tenant-1";
  PresentationOptions options;
  options.envelope = EnvelopeKind::kEvent;
  options.field_names = FieldNames::kProto;
  options.members = {"sequence", "topic"};
  options.attributes = {"tenant_id"};
  EXPECT_EQ(Frame(event, options).data,
            R"({"type":"goal.created","data":{"goal_id":"123","title":"Run","tenant_id":"tenant-1",)"
            R"("created_at":"2023-11-14T22:13:20Z"},"sequence":"17","topic":"tenants.tenant-1.goals",)"
            R"("tenant_id":"tenant-1"})");
}

TEST(PresentationTest, ShowsDispatchAsMessagesOfTheirType) {
  apps::dispatch::v1::FlashMessage flash;
  flash.set_id("7");
  flash.set_text("line one\nline two");
  PresentationOptions options;
  options.envelope = EnvelopeKind::kEvent;
  options.members = {"timestamp"};
  options.event_name = "message";
  const Block block = Frame(Event("dispatch.broadcast", flash), options);
  EXPECT_EQ(block.event, "message");
  EXPECT_EQ(json::parse(block.data), json::parse(R"({"type":"flash_message","data":{"id":"7",
      "text":"line one\nline two"},"timestamp":"2023-11-14T22:13:20.120Z"})"))
      << "without a time of its own, an event has its publish time";
}

TEST(PresentationTest, ShowsNotificationsInSnakeCaseWithNull) {
  apps::notifications::v1::Notification notification;
  notification.set_id("123");
  notification.set_type("success");
  notification.set_title("Done");
  notification.set_message("It is done");
  notification.set_status("unread");
  (*notification.mutable_metadata()->mutable_fields())["pages"].set_number_value(3);
  *notification.mutable_created_at() = TimeUtil::SecondsToTimestamp(1'700'000'000);
  const v1::Event event = Event("users.u1.notifications", notification);
  EXPECT_EQ(Frame(event).event, "notification");
  EXPECT_EQ(Data(event), json::parse(R"({"id":"123","type":"success","title":"Done","message":"It is done",
      "status":"unread","metadata":{"pages":3},"created_at":"2023-11-14T22:13:20Z","related_session_id":null})"));
  notification.set_related_session_id("s");
  EXPECT_EQ(Data(Event("users.u1.notifications", notification))["related_session_id"], "s");
}

TEST(PresentationTest, ShowsImageGeneration) {
  apps::imagegen::v1::GenerationUpdate update;
  update.set_request_id("r1");
  update.set_status(apps::imagegen::v1::STATUS_PROGRESS);
  update.set_message("working");
  update.mutable_payload()->set_progress(0);
  PresentationOptions options;
  options.event_name = "message";
  EXPECT_EQ(Frame(Event("users.u1.imagegen.r1", update), options).event, "message");
  EXPECT_EQ(Frame(Event("users.u1.imagegen.r1", update), options).data,
            R"({"request_id":"r1","status":"PROGRESS","message":"working","payload":{"progress":0}})");
  update.set_status(apps::imagegen::v1::STATUS_OK);
  update.mutable_payload()->clear_progress();
  auto& image = *update.mutable_payload()->add_images();
  image.set_url("https://example.com/1.png");
  image.set_content_type("image/png");
  image.set_file_name("1.png");
  image.set_file_size(1'824'075);
  image.set_width(1024);
  image.set_height(1024);
  EXPECT_EQ(Data(Event("users.u1.imagegen.r1", update), options),
            json::parse(R"({"request_id":"r1","status":"OK","message":"working","payload":{"images":[{
      "url":"https://example.com/1.png","content_type":"image/png","file_name":"1.png","file_size":1824075,
      "width":1024,"height":1024}]}})"));
}

TEST(PresentationTest, ShowsCloudEvents) {
  v1::Event event = Event("tenants.t1.goals", Goal());
  (*event.mutable_attributes())["tenant_id"] = "t1";
  PresentationOptions options;
  options.envelope = EnvelopeKind::kCloudEvents;
  options.attributes = {"tenant_id"};
  EXPECT_EQ(Data(event, options), json::parse(R"({"specversion":"1.0","id":"evt_abc123","source":"/tenants.t1.goals",
      "type":"apps.goals.v1.GoalCreated","subject":"tenants.t1.goals","time":"2023-11-14T22:13:20.120Z",
      "datacontenttype":"application/json","tenantid":"t1","data":{"goalId":"123","title":"Run","tenantId":"tenant-1",
      "createdAt":"2023-11-14T22:13:20Z"}})"));
}

TEST(PresentationTest, AppendsPollItems) {
  const std::string bytes = Event("tenants.t1.goals", Goal()).SerializeAsString();
  EventView view;
  ReadEvent(bytes, view);
  std::string out = "[";
  ASSERT_TRUE(Presentation({}).AppendPollItem(view, *Apps(), out).ok());
  const json item = json::parse(out + "]")[0];
  EXPECT_EQ(item["id"], "abcdefgh-17");
  EXPECT_EQ(item["event"], "goal.created");
  EXPECT_EQ(item["data"]["goalId"], "123");
  EXPECT_EQ(item.size(), 3u);
}

TEST(PresentationTest, StaysOneBlockWhateverTheEventHolds) {
  apps::goals::v1::GoalCreated goal = Goal();
  goal.set_title(std::string("\r\n\r\nevent: evil\ndata: x\n\n\0\xe2\x80\xa8\xe2\x80\xa9\xc2\x85", 34));
  v1::Event event = Event("tenants.t1.goals", goal);
  event.set_id("a\n\nid: evil");
  (*event.mutable_attributes())["tenant_id"] = "a\r\ndata: evil";
  for (const EnvelopeKind envelope : {EnvelopeKind::kNone, EnvelopeKind::kEvent, EnvelopeKind::kCloudEvents}) {
    PresentationOptions options;
    options.envelope = envelope;
    options.attributes = {"tenant_id"};
    if (envelope == EnvelopeKind::kEvent) {
      options.members = {"timestamp", "eventId", "topic", "sequence"};
    }
    const std::string data = Frame(event, options).data;
    const json parsed = json::parse(data);
    EXPECT_EQ((envelope == EnvelopeKind::kNone ? parsed : parsed["data"])["title"], goal.title());
    for (const char* separator : {"\xe2\x80\xa8", "\xe2\x80\xa9", "\xc2\x85"}) {
      EXPECT_EQ(data.find(separator), std::string::npos) << "some clients end a line there";
    }
  }
}

// The status of rendering an event; checks that nothing was appended when it failed.
absl::StatusCode Code(const v1::Event& event, const Schema& schema, PresentationOptions options = {}) {
  const std::string bytes = event.SerializeAsString();
  EventView view;
  ReadEvent(bytes, view);
  const Presentation presentation(std::move(options));
  std::string out = "before";
  const absl::Status status = presentation.AppendFrame(view, schema, out);
  EXPECT_EQ(presentation.AppendPollItem(view, schema, out).code(), status.code());
  EXPECT_EQ(out, "before");
  return status.code();
}

TEST(PresentationTest, RefusesUnknownTypesAndKeepsTheBuffer) {
  v1::Event event = Event("a", v1::Gap());
  EXPECT_EQ(Code(event, *Apps()), absl::StatusCode::kNotFound);
  event = Event("a", apps::vehicles::v1::Vehicle());
  EXPECT_EQ(Code(event, *Apps()), absl::StatusCode::kNotFound) << "a type that is no event";
}

TEST(PresentationTest, RefusesWhatCannotBeRendered) {
  v1::Event event = Event("a", Goal());
  event.mutable_payload()->set_value("\xff");
  EXPECT_EQ(Code(event, *Apps()), absl::StatusCode::kInvalidArgument);
  event = Event("a", Goal());
  event.mutable_time()->set_seconds(INT64_MAX);
  PresentationOptions options;
  options.envelope = EnvelopeKind::kEvent;
  options.members = {"timestamp"};
  EXPECT_EQ(Code(event, *Apps(), options), absl::StatusCode::kInvalidArgument);
  for (const char* cursor : {"", "a b", "a\nb", "\x7f"}) {
    event = Event("a", Goal());
    event.set_cursor(cursor);
    EXPECT_EQ(Code(event, *Apps()), absl::StatusCode::kInvalidArgument);
  }
}

TEST(AttributeMemberTest, FollowsTheRoutesNames) {
  PresentationOptions options;
  EXPECT_EQ(AttributeMember("tenant_id", options), "tenantId");
  EXPECT_EQ(AttributeMember("a__b_", options), "aB");
  EXPECT_EQ(AttributeMember("a_1b", options), "a1b");
  options.field_names = FieldNames::kProto;
  EXPECT_EQ(AttributeMember("tenant_id", options), "tenant_id");
  options.envelope = EnvelopeKind::kCloudEvents;
  EXPECT_EQ(AttributeMember("tenant_id", options), "tenantid");
}

// A message holds the block's name, id and data, byte for byte.
TEST(PresentationTest, AMessageHoldsWhatTheBlockDoes) {
  apps::goals::v1::GoalCreated goal;
  goal.set_title("x\"y");
  for (const EnvelopeKind envelope : {EnvelopeKind::kNone, EnvelopeKind::kEvent, EnvelopeKind::kCloudEvents}) {
    for (const size_t size : {0, 200, 70'000}) {
      goal.set_goal_id(std::string(size, 'g'));
      const v1::Event event = Event("tenants.t1.goals", goal);
      const std::string wire = event.SerializeAsString();
      EventView view;
      ASSERT_EQ(ReadEvent(wire, view), EventForm::kCanonical);
      PresentationOptions options;
      options.envelope = envelope;
      std::string text;
      ASSERT_TRUE(Presentation(options).AppendFrame(view, *Apps(), text).ok());
      const Block block = ReadBlock(text);
      options.framing = Framing::kWebSocket;
      std::string message = "before";
      ASSERT_TRUE(Presentation(options).AppendFrame(view, *Apps(), message).ok());
      const std::vector<ServerFrame> frames = ServerFrames(std::string_view(message).substr(6));
      ASSERT_EQ(frames.size(), 1U);
      EXPECT_EQ(frames[0].payload,
                R"({"event":")" + block.event + R"(","id":")" + block.id + R"(","data":)" + block.data + "}");
    }
  }
}

}  // namespace
}  // namespace weir::edge
