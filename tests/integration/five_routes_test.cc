// The five applications' routes, from a publisher over gRPC to the bytes that a browser reads, with their own payloads.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/system.h"

namespace weir::testing {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class FiveRoutesTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    system_ = new System();
    system_->StartServer();
    system_->StartEdge({"--threads", "2"});
    ASSERT_TRUE(system_->WaitReady());
  }
  static void TearDownTestSuite() {
    delete system_;
    system_ = nullptr;
  }

  static SseStream Open(const std::string& target, const std::vector<std::string>& headers = {}) {
    absl::StatusOr<SseStream> stream = SseStream::Open(system_->http_port(), target, headers);
    EXPECT_TRUE(stream.ok()) << stream.status();
    EXPECT_EQ(stream->status(), 200) << stream->head();
    return *std::move(stream);
  }

  // Reads the first block of a stream: the reader is in force afterwards.
  static SseEvent Connected(SseStream& stream, std::string_view name = "weir.connected") {
    absl::StatusOr<SseEvent> event = stream.Next();
    EXPECT_TRUE(event.ok()) << event.status();
    EXPECT_EQ(event->event, name);
    EXPECT_FALSE(event->id.empty());
    return *std::move(event);
  }

  static json Data(const SseEvent& event) { return json::parse(event.data); }

  // The same instant, however it is written.
  static absl::Time Instant(const json& text) {
    absl::Time time;
    std::string error;
    EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, text.get<std::string>(), &time, &error)) << text << error;
    return time;
  }

  static System* system_;
};

System* FiveRoutesTest::system_ = nullptr;

TEST_F(FiveRoutesTest, VehiclesReachTheGridWithNameAndId) {
  const std::string token = system_->Token("alice");
  SseStream stream = Open("/api/vehicles/updates?token=" + token);
  EXPECT_EQ(stream.headers().at("content-type"), "text/event-stream");
  EXPECT_EQ(stream.headers().at("cache-control"), "no-cache");
  EXPECT_EQ(stream.headers().at("connection"), "keep-alive");
  EXPECT_EQ(stream.headers().at("x-accel-buffering"), "no");
  Connected(stream);
  EXPECT_GE(stream.retry_millis(), 0);

  const json payload = {
      {"vehicles", {{{"id", "v1"}, {"make", "Toyota"}, {"model", "Corona"}, {"year", 1970}, {"milesPerGallon", 24.5}}}},
      {"timestamp", "2026-01-02T03:04:05Z"},
      {"requestId", "r-1"}};
  const std::string cursor = system_->Publish("vehicles.updates", "apps.vehicles.v1.VehicleUpdate", payload);
  const absl::StatusOr<SseEvent> event = stream.Next();
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_EQ(event->event, "vehicle_update");
  EXPECT_EQ(event->id, cursor);
  EXPECT_EQ(Data(*event), payload);
  EXPECT_THAT(stream.raw(), HasSubstr("event: vehicle_update\nid: " + cursor + "\ndata: {\"vehicles\":[{"));
}

TEST_F(FiveRoutesTest, AnEmptyGridIsPrintedAsAnEmptyList) {
  SseStream stream = Open("/api/vehicles/updates", {"Authorization: Bearer " + system_->Token("alice")});
  Connected(stream);
  system_->Publish("vehicles.updates", "apps.vehicles.v1.VehicleUpdate", {{"requestId", "r-empty"}});
  const absl::StatusOr<SseEvent> event = stream.Next();
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_EQ(Data(*event)["vehicles"], json::array());
}

TEST_F(FiveRoutesTest, VehiclesAreRefusedWithoutAToken) {
  for (const std::string& target :
       {std::string("/api/vehicles/updates"), std::string("/api/vehicles/updates?token=x.y.z"),
        "/api/vehicles/updates?token=" + system_->Token("alice", {}, "1h") + "x"}) {
    const absl::StatusOr<Response> response = Fetch(system_->http_port(), target, {"Accept: text/event-stream"});
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->status, 401);
    EXPECT_THAT(response->headers.at("content-type"), StartsWith("application/problem+json"));
    EXPECT_EQ(json::parse(response->body)["status"], 401);
    EXPECT_TRUE(response->headers.contains("www-authenticate"));
  }
}

TEST_F(FiveRoutesTest, GoalsComeInTheirEnvelopeAndOnlyToTheirTenant) {
  SseStream ours = Open("/realtime?token=" + system_->Token("bob", {"tenant_id=tenant-1"}));
  SseStream theirs = Open("/realtime?token=" + system_->Token("eve", {"tenant_id=tenant-2"}));
  Connected(ours);
  Connected(theirs);
  const json goal = {
      {"goalId", "123"}, {"title", "Run"}, {"tenantId", "tenant-1"}, {"createdAt", "2026-01-02T03:04:05Z"}};
  system_->Publish("tenants.tenant-1.goals", "apps.goals.v1.GoalCreated", goal, "evt_abc123",
                   {{"tenant_id", "tenant-1"}});
  const absl::StatusOr<SseEvent> event = ours.Next();
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_EQ(event->event, "goal.created");
  json data = Data(*event);
  EXPECT_LE(absl::AbsDuration(Instant(data["timestamp"]) - absl::Now()), absl::Seconds(30));
  data.erase("timestamp");
  EXPECT_EQ(data,
            json({{"type", "goal.created"}, {"data", goal}, {"eventId", "evt_abc123"}, {"tenantId", "tenant-1"}}));

  // The other tenant's next event is its own: nothing of ours came before it.
  const json other = {{"goalId", "9"}, {"tenantId", "tenant-2"}};
  system_->Publish("tenants.tenant-2.goals", "apps.goals.v1.GoalActivated", other);
  const absl::StatusOr<SseEvent> next = theirs.Next();
  ASSERT_TRUE(next.ok()) << next.status();
  EXPECT_EQ(Data(*next)["data"], other);
}

TEST_F(FiveRoutesTest, DispatchBroadcastsToEverybody) {
  SseStream first = Open("/api/sse");
  SseStream second = Open("/api/sse");
  Connected(first);
  Connected(second);
  const json message = {{"id", "f1"}, {"text", "Fire in Østre gate"}, {"severity", "critical"}, {"sender", "central"}};
  system_->Publish("dispatch.broadcast", "apps.dispatch.v1.FlashMessage", message);
  for (SseStream* stream : {&first, &second}) {
    const absl::StatusOr<SseEvent> event = stream->Next();
    ASSERT_TRUE(event.ok()) << event.status();
    EXPECT_EQ(event->event, "flash_message");
    json data = Data(*event);
    EXPECT_THAT(data["timestamp"].get<std::string>(), ::testing::EndsWith("Z"));
    data.erase("timestamp");
    EXPECT_EQ(data, json({{"type", "flash_message"}, {"data", message}}));
  }
}

TEST_F(FiveRoutesTest, NotificationsAreTheUsersOwnAndSnakeCase) {
  SseStream stream = Open("/api/notifications/stream", {"Authorization: Bearer " + system_->Token("carol")});
  const SseEvent connected = Connected(stream, "connected");
  EXPECT_EQ(Data(connected)["user_id"], "carol");
  Instant(Data(connected)["timestamp"]);

  system_->Publish("users.dave.notifications", "apps.notifications.v1.Notification", {{"id", "not-for-carol"}});
  const json notification = {{"id", "123"},
                             {"type", "success"},
                             {"title", "Done"},
                             {"message", "Your file is ready"},
                             {"status", "unread"},
                             {"metadata", {{"pages", 3.0}, {"name", "a.mp3"}}},
                             {"created_at", "2026-01-02T03:04:05Z"}};
  system_->Publish("users.carol.notifications", "apps.notifications.v1.Notification", notification);
  const absl::StatusOr<SseEvent> event = stream.NextNamed("notification");
  ASSERT_TRUE(event.ok()) << event.status();
  json expected = notification;
  expected["related_session_id"] = nullptr;
  EXPECT_EQ(Data(*event), expected);

  const absl::StatusOr<SseEvent> heartbeat = stream.NextNamed("heartbeat");
  ASSERT_TRUE(heartbeat.ok()) << heartbeat.status();
  EXPECT_EQ(Data(*heartbeat)["connections"], 1);
  Instant(Data(*heartbeat)["timestamp"]);
}

TEST_F(FiveRoutesTest, ConnectionsOfAUserAreCountedAndReleased) {
  const std::string token = system_->Token("frank");
  SseStream kept = Open("/api/notifications/stream?token=" + token);
  Connected(kept, "connected");
  {
    SseStream closed = Open("/api/notifications/stream?token=" + token);
    Connected(closed, "connected");
    absl::StatusOr<SseEvent> heartbeat = closed.NextNamed("heartbeat");
    ASSERT_TRUE(heartbeat.ok()) << heartbeat.status();
    EXPECT_EQ(Data(*heartbeat)["connections"], 2);
  }
  EXPECT_TRUE(WaitUntil([&] {
    const absl::StatusOr<SseEvent> heartbeat = kept.NextNamed("heartbeat");
    return heartbeat.ok() && Data(*heartbeat)["connections"] == 1;
  }));
}

TEST_F(FiveRoutesTest, ImageGenerationShowsProgressAndResultOfOneRequestOrAll) {
  const std::string token = system_->Token("gina");
  SseStream one = Open("/api/image-gen/events?request_id=req-1&token=" + token);
  SseStream all = Open("/api/image-gen/events?token=" + token);
  Connected(one);
  Connected(all);
  const json progress = {
      {"request_id", "req-2"}, {"status", "PROGRESS"}, {"message", "working"}, {"payload", {{"progress", 0}}}};
  json sent = progress;
  sent["status"] = "STATUS_PROGRESS";
  system_->Publish("users.gina.imagegen.req-2", "apps.imagegen.v1.GenerationUpdate", sent);
  const json done = {{"request_id", "req-1"},
                     {"status", "OK"},
                     {"message", "done"},
                     {"payload",
                      {{"images",
                        {{{"url", "https://example.com/i.png"},
                          {"content_type", "image/png"},
                          {"file_name", "i.png"},
                          {"file_size", 1824075},
                          {"width", 1024},
                          {"height", 1024}}}}}}};
  sent = done;
  sent["status"] = "STATUS_OK";
  system_->Publish("users.gina.imagegen.req-1", "apps.imagegen.v1.GenerationUpdate", sent);

  absl::StatusOr<SseEvent> event = all.NextNamed("message");
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_EQ(Data(*event), progress);
  event = all.NextNamed("message");
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_EQ(Data(*event), done);
  event = one.NextNamed("message");
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_EQ(Data(*event), done);
  event = one.NextNamed("heartbeat");
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_EQ(Data(*event), json({{"type", "ping"}}));
}

TEST_F(FiveRoutesTest, ARequestCannotWidenItsFilter) {
  const std::string token = system_->Token("gina");
  const std::string overlong(300, 'x');
  for (const char* bad :
       {"*", ">", "a.b", "", "..", "%2e", "a%00b", "%3E", "%2A", "%C3%B8", "a%20b", overlong.c_str()}) {
    const absl::StatusOr<Response> response =
        Fetch(system_->http_port(), std::string("/api/image-gen/events?request_id=") + bad + "&token=" + token,
              {"Accept: application/json"});
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_TRUE(response->status == 400 || response->status == 403) << bad << ": " << response->status;
  }
  // A subject that is not a token cannot either.
  const absl::StatusOr<Response> response = Fetch(
      system_->http_port(), "/api/notifications/stream?token=" + system_->Token("a.b"), {"Accept: text/event-stream"});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->status, 403);
}

TEST_F(FiveRoutesTest, APollSeesWhatTheStreamSees) {
  const std::string token = system_->Token("hugo");
  const std::string target = "/api/notifications/stream?token=" + token;
  const std::vector<std::string> accept = {"Accept: application/json"};
  absl::StatusOr<Response> response = Fetch(system_->http_port(), target, accept);
  ASSERT_TRUE(response.ok()) << response.status();
  ASSERT_EQ(response->status, 200) << response->body;
  json body = json::parse(response->body);
  EXPECT_EQ(body["events"], json::array());
  EXPECT_EQ(body["gap"], nullptr);
  const std::string start = body["cursor"];

  std::string cursor;
  for (const char* id : {"1", "2", "3"}) {
    cursor = system_->Publish("users.hugo.notifications", "apps.notifications.v1.Notification", {{"id", id}});
  }
  // An acknowledged event may still be on its way to the edge: a poll waits for the first one, not for all.
  EXPECT_TRUE(WaitUntil([&] {
    response = Fetch(system_->http_port(), target + "&wait=5s&limit=2&last_event_id=" + start, accept);
    body = response.ok() ? json::parse(response->body) : json();
    return body["more"] == true;
  })) << response.status();
  ASSERT_EQ(body["events"].size(), 2u) << body;
  EXPECT_EQ(body["events"][0]["event"], "notification");
  EXPECT_EQ(body["events"][0]["data"]["id"], "1");
  response =
      Fetch(system_->http_port(), target + "&wait=5s&last_event_id=" + body["cursor"].get<std::string>(), accept);
  ASSERT_TRUE(response.ok()) << response.status();
  body = json::parse(response->body);
  ASSERT_EQ(body["events"].size(), 1u) << body;
  EXPECT_EQ(body["events"][0]["id"], cursor);
  EXPECT_EQ(body["more"], false);
}

}  // namespace
}  // namespace weir::testing
