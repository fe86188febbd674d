// The edge while its server is away: browsers stay connected, are told if they want to know, and miss nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_replace.h"
#include "tests/support/system.h"

namespace weir::testing {
namespace {

using nlohmann::json;

class UpstreamTest : public ::testing::Test {
 protected:
  // The routes of the applications, where /api/sse announces the upstream and beats every second.
  void StartEdge() {
    WriteFile(system_.edge_config_path(),
              absl::StrReplaceAll(FiveRoutesYaml(),
                                  {{"filters: [\"dispatch.broadcast\"]",
                                    "filters: [\"dispatch.broadcast\"]\n    upstream: {event: weir.upstream}\n"
                                    "    heartbeat: {interval: 1s, event: beat}"}}));
    system_.StartEdge();
    ASSERT_TRUE(system_.WaitReady());
  }
  SseStream Open(const std::vector<std::string>& headers = {}) {
    absl::StatusOr<SseStream> stream = SseStream::Open(system_.http_port(), "/api/sse", headers);
    EXPECT_TRUE(stream.ok()) << stream.status();
    return *std::move(stream);
  }
  void Publish(int number) {
    system_.Publish("dispatch.broadcast", "apps.dispatch.v1.FlashMessage", {{"id", std::to_string(number)}});
  }
  static void ExpectState(SseStream& stream, const std::string& state) {
    const absl::StatusOr<SseEvent> event = stream.NextNamed("weir.upstream", kPatience);
    ASSERT_TRUE(event.ok()) << event.status();
    const json data = json::parse(event->data);
    EXPECT_EQ(data["state"], state);
    EXPECT_THAT(data["since"].get<std::string>(), ::testing::MatchesRegex("20..-..-..T..:..:...*Z"));
  }
  static void ExpectNumber(SseStream& stream, int number) {
    const absl::StatusOr<SseEvent> event = stream.NextNamed("flash_message", kPatience);
    ASSERT_TRUE(event.ok()) << event.status() << " waiting for " << number;
    EXPECT_EQ(json::parse(event->data)["data"]["id"], std::to_string(number));
  }

  System system_;
};

TEST_F(UpstreamTest, BrowsersStayAreToldAndMissNothingWhenTheServerIsKilled) {
  system_.StartServer();
  StartEdge();
  SseStream stream = Open();
  SseStream quiet = *SseStream::Open(system_.http_port(), "/api/notifications/stream?token=" + system_.Token("ann"));
  Publish(1);
  ExpectNumber(stream, 1);
  const std::string id = stream.last_event_id();
  // Nothing was said while all was well.
  EXPECT_EQ(stream.raw().find("weir.upstream"), std::string::npos);

  system_.server().Kill();
  ExpectState(stream, "disconnected");
  EXPECT_EQ(stream.last_event_id(), id);
  // A stream that comes meanwhile is told after its first block; also one that is resumed by id.
  SseStream late = Open({"Last-Event-ID: " + id});
  absl::StatusOr<SseEvent> event = late.Next();
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_EQ(event->event, "weir.connected");
  event = late.Next();
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_EQ(event->event, "weir.upstream");
  EXPECT_EQ(event->id, id);
  // The signs of life go on.
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(stream.NextNamed("beat", kPatience).ok());
    ASSERT_TRUE(late.NextNamed("beat", kPatience).ok());
    ASSERT_TRUE(quiet.NextNamed("heartbeat", kPatience).ok());
  }
  const absl::StatusOr<Response> health = Fetch(system_.edge_admin_port(), "/healthz");
  ASSERT_TRUE(health.ok());
  EXPECT_EQ(health->status, 200);  // a restart of the edge would not help
  EXPECT_EQ(System::Metric(system_.edge_admin_port(), "weir_edge_upstream_connected"), 0);

  system_.StartServer();
  for (int i = 2; i <= 5; ++i) {
    Publish(i);
  }
  for (SseStream* reader : {&stream, &late}) {
    // The word that the server is back may come a little before or after the first events.
    int next = 2;
    std::string state;
    while (next <= 5 || state.empty()) {
      event = reader->Next(kPatience);
      ASSERT_TRUE(event.ok()) << event.status() << " waiting for " << next;
      if (event->event == "weir.upstream") {
        EXPECT_EQ(state, "");
        state = json::parse(event->data)["state"];
      } else if (event->event == "flash_message") {
        ASSERT_EQ(json::parse(event->data)["data"]["id"], std::to_string(next));
        ++next;
      }
    }
    EXPECT_EQ(state, "connected");
  }
  EXPECT_EQ(stream.raw().find("weir.gap"), std::string::npos);
  // A route that did not ask for it is told nothing.
  ASSERT_TRUE(quiet.NextNamed("heartbeat", kPatience).ok());
  EXPECT_EQ(quiet.raw().find("weir.upstream"), std::string::npos);
}

TEST_F(UpstreamTest, AServerThatStandsStillIsNoticed) {
  system_.StartServer({"--engine", "memory"});
  StartEdge();
  SseStream stream = Open();
  ASSERT_TRUE(stream.Next().ok());
  system_.server().Signal(SIGSTOP);
  absl::StatusOr<SseEvent> event = stream.NextNamed("weir.upstream", absl::Seconds(60));
  system_.server().Signal(SIGCONT);
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_EQ(json::parse(event->data)["state"], "disconnected");
  ExpectState(stream, "connected");
  Publish(1);
  ExpectNumber(stream, 1);
}

}  // namespace
}  // namespace weir::testing
