// The machine's clock is set while the real programs run: what must not depend on it goes on.
#include "absl/time/clock.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "tests/chaos/faultlib/fault_library.h"
#include "tests/support/system.h"
#include "weir/client.h"

namespace weir::testing {
namespace {

using nlohmann::json;

constexpr char kTopic[] = "dispatch.broadcast";
constexpr char kType[] = "apps.dispatch.v1.FlashMessage";

class ClockTest : public ::testing::Test {
 protected:
  void Start(const std::vector<std::string>& server_flags = {}) {
    system_.SetServerEnvironment(server_library_.environment());
    system_.SetEdgeEnvironment(edge_library_.environment());
    system_.StartServer(server_flags);
    system_.StartEdge();
    ASSERT_TRUE(system_.WaitReady());
  }

  void SetClocks(absl::Duration offset) {
    for (chaos::Board* board : {&server_library_.board(), &edge_library_.board()}) {
      board->clock_offset_millis = absl::ToInt64Milliseconds(offset);
    }
  }

  std::string Publish() { return system_.Publish(kTopic, kType, {{"id", "1"}}); }

  static absl::Time ParseTime(const std::string& text) {
    absl::Time time;
    std::string error;
    EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, text, &time, &error)) << error;
    return time;
  }

  std::vector<absl::Time> PublishTimes() {
    const CommandResult listed = system_.Weir({"list", "--earliest", kTopic});
    EXPECT_EQ(listed.exit_code, 0) << listed.err;
    std::vector<absl::Time> times;
    std::istringstream lines(listed.out);
    for (std::string line; std::getline(lines, line);) {
      const json parsed = json::parse(line);
      if (!parsed.contains("gap")) {  // that of events which retention removes meanwhile
        times.push_back(ParseTime(parsed["publish_time"]));
      }
    }
    return times;
  }

  TempDir dir_;
  chaos::FaultLibrary server_library_{dir_.File("server_board")};
  chaos::FaultLibrary edge_library_{dir_.File("edge_board")};
  System system_;
};

TEST_F(ClockTest, PublishTimesNeverDecreaseWhenTheClockIsSetBack) {
  Start();
  Publish();
  SetClocks(absl::Hours(1));
  // The programs' clock may lag a moment behind the machine's.
  ASSERT_TRUE(WaitUntil([&] {
    Publish();
    const std::vector<absl::Time> times = PublishTimes();
    return !times.empty() && times.back() > absl::Now() + absl::Minutes(30);
  }));
  SetClocks(-absl::Hours(1));
  Publish();
  system_.server().Kill();
  system_.StartServer();
  Publish();
  SetClocks(absl::ZeroDuration());
  Publish();
  const std::vector<absl::Time> times = PublishTimes();
  ASSERT_GE(times.size(), 5u);
  EXPECT_TRUE(std::is_sorted(times.begin(), times.end()));
  EXPECT_GT(times.back(), absl::Now() + absl::Minutes(30)) << "the clock's worst moment stays";
}

TEST_F(ClockTest, HeartbeatsAndProgressGoOnWhenTheClockIsSetBack) {
  Start();
  std::atomic<int> progress = 0;
  Client client({.server = system_.grpc_address()});
  SubscriberOptions options{.filters = {kTopic}};
  options.progress_interval = absl::Seconds(1);
  SubscriberCallbacks callbacks;
  callbacks.on_progress = [&](const v1::Progress&) { ++progress; };
  const Subscriber subscriber(client, options, callbacks);
  absl::StatusOr<SseStream> reader =
      SseStream::Open(system_.http_port(), "/api/notifications/stream?token=" + system_.Token("7"));
  ASSERT_TRUE(reader.ok()) << reader.status();
  ASSERT_EQ(reader->status(), 200) << reader->head();
  for (const absl::Duration offset : {absl::Hours(1), -absl::Hours(1)}) {
    SetClocks(offset);
    // Those that were sent before lie in the connection still.
    for (int i = 0; i < 3;) {
      const absl::StatusOr<SseEvent> heartbeat = reader->NextNamed("heartbeat", kPatience);
      ASSERT_TRUE(heartbeat.ok()) << heartbeat.status() << " after setting the clock to " << offset;
      const absl::Time said = ParseTime(json::parse(heartbeat->data)["timestamp"]);
      i += absl::AbsDuration(said - (absl::Now() + offset)) < absl::Minutes(10) ? 1 : 0;
    }
    const int before = progress;
    ASSERT_TRUE(WaitUntil([&] { return progress >= before + 5; }, kPatience))
        << "after setting the clock to " << offset;
  }
}

TEST_F(ClockTest, ATokenIsJudgedByTheClockWhenAStreamIsOpenedAndOpenStreamsGoOn) {
  Start();
  const std::string target = "/api/notifications/stream?token=" + system_.Token("7", {}, "1h");
  absl::StatusOr<SseStream> reader = SseStream::Open(system_.http_port(), target);
  ASSERT_TRUE(reader.ok()) << reader.status();
  SetClocks(absl::Hours(2));
  ASSERT_TRUE(WaitUntil([&] {
    const absl::StatusOr<Response> response = Fetch(system_.http_port(), target, {"Accept: application/json"});
    return response.ok() && response->status == 401;
  }));
  for (int i = 0; i < 3; ++i) {
    const absl::StatusOr<SseEvent> heartbeat = reader->NextNamed("heartbeat", kPatience);
    ASSERT_TRUE(heartbeat.ok()) << heartbeat.status();
  }
  SetClocks(absl::ZeroDuration());
  ASSERT_TRUE(WaitUntil([&] {
    const absl::StatusOr<Response> response = Fetch(system_.http_port(), target, {"Accept: application/json"});
    return response.ok() && response->status == 200;
  }));
}

// Retention believes the clock: what users must know. Readers at least are told.
TEST_F(ClockTest, AClockThatJumpsAheadMakesEventsOldAndReadersGetAGap) {
  WriteFile(dir_.File("server.yaml"), "retention: {age: 1h, check_interval: 1s}\n");
  Start({"--config", dir_.File("server.yaml")});
  const std::string first = Publish();
  Publish();
  SetClocks(absl::Hours(2));
  ASSERT_TRUE(WaitUntil([&] { return PublishTimes().empty(); }, kPatience));
  system_.edge().Kill();  // its tail still has them
  system_.StartEdge();
  ASSERT_TRUE(system_.WaitReady());
  const std::string next = Publish();
  absl::StatusOr<SseStream> reader = SseStream::Open(system_.http_port(), "/api/sse", {"Last-Event-ID: " + first});
  ASSERT_TRUE(reader.ok()) << reader.status();
  const absl::StatusOr<SseEvent> gap = reader->NextNamed("weir.gap");
  ASSERT_TRUE(gap.ok()) << gap.status();
  EXPECT_EQ(json::parse(gap->data)["reason"], "expired");
  const absl::StatusOr<SseEvent> event = reader->NextNamed("flash_message");
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_EQ(event->id, next);
}

}  // namespace
}  // namespace weir::testing
