// What is promised of delivery, seen from outside: resumption, gaps, restarts and kills of either process.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "base/cursor.h"
#include "tests/support/system.h"

namespace weir::testing {
namespace {

using nlohmann::json;

constexpr char kTopic[] = "dispatch.broadcast";
constexpr char kType[] = "apps.dispatch.v1.FlashMessage";

class DeliveryTest : public ::testing::Test {
 protected:
  // Publishes events `first` … `last` and returns their cursors.
  std::vector<std::string> PublishNumbers(int first, int last) {
    std::vector<json> lines;
    for (int i = first; i <= last; ++i) {
      lines.push_back({{"topic", kTopic}, {"type", kType}, {"data", {{"id", std::to_string(i)}}}});
    }
    std::vector<std::string> cursors;
    for (const json& result : system_.PublishLines(lines)) {
      EXPECT_TRUE(result.contains("cursor")) << result;
      cursors.push_back(result.value("cursor", ""));
    }
    return cursors;
  }

  SseStream Open(const std::string& target, const std::vector<std::string>& headers = {}) {
    absl::StatusOr<SseStream> stream = SseStream::Open(system_.http_port(), target, headers);
    EXPECT_TRUE(stream.ok()) << stream.status();
    EXPECT_EQ(stream->status(), 200) << stream->head();
    return *std::move(stream);
  }

  static int Number(const SseEvent& event) {
    return std::stoi(json::parse(event.data)["data"]["id"].get<std::string>());
  }

  // Reads flash messages until `last` came; they must be consecutive from `first`.
  static void ExpectNumbers(SseStream& stream, int first, int last) {
    for (int i = first; i <= last; ++i) {
      absl::StatusOr<SseEvent> event = stream.NextNamed("flash_message");
      ASSERT_TRUE(event.ok()) << event.status() << " waiting for " << i;
      ASSERT_EQ(Number(*event), i);
    }
  }

  System system_;
};

TEST_F(DeliveryTest, ResumesFromTheTailByHeaderAndByQuery) {
  system_.StartServer({"--engine", "memory"});
  system_.StartEdge();
  ASSERT_TRUE(system_.WaitReady());
  const std::vector<std::string> cursors = PublishNumbers(1, 50);
  SseStream by_header = Open("/api/sse", {"Last-Event-ID: " + cursors[9]});
  const absl::StatusOr<SseEvent> connected = by_header.Next();
  ASSERT_TRUE(connected.ok()) << connected.status();
  EXPECT_EQ(connected->event, "weir.connected");
  EXPECT_EQ(connected->id, cursors[9]);
  ExpectNumbers(by_header, 11, 50);
  SseStream by_query = Open("/api/sse?last_event_id=" + cursors[48]);
  ExpectNumbers(by_query, 50, 50);
  // The header is newer than the URL that a browser repeats.
  SseStream both = Open("/api/sse?last_event_id=" + cursors[0], {"Last-Event-ID: " + cursors[39]});
  ExpectNumbers(both, 41, 50);
  PublishNumbers(51, 52);
  for (SseStream* stream : {&by_header, &by_query, &both}) {
    ExpectNumbers(*stream, 51, 52);
  }
}

TEST_F(DeliveryTest, ResumesBehindTheTailFromTheServer) {
  system_.StartServer({"--engine", "memory"});
  // The tail reaches back no further than the edge's start.
  std::string config = ReadFile(system_.edge_config_path());
  WriteFile(system_.edge_config_path(), "tail: {history: 1ms}\n" + config);
  const std::vector<std::string> cursors = PublishNumbers(1, 500);
  absl::SleepFor(absl::Milliseconds(20));  // the tail's history must begin after the last publish time
  system_.StartEdge();
  ASSERT_TRUE(system_.WaitReady());
  SseStream stream = Open("/api/sse", {"Last-Event-ID: " + cursors[99]});
  ExpectNumbers(stream, 101, 500);
  PublishNumbers(501, 503);
  ExpectNumbers(stream, 501, 503);
}

TEST_F(DeliveryTest, BeginsWhereTheReaderAsks) {
  system_.StartServer({"--engine", "memory"});
  // One thread, so that `latest` is where other readers of it are.
  system_.StartEdge({"--threads", "1"});
  ASSERT_TRUE(system_.WaitReady());
  PublishNumbers(1, 5);
  const std::string between =
      absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now() + absl::Milliseconds(50), absl::UTCTimeZone());
  absl::SleepFor(absl::Milliseconds(100));  // the next publish time is later than `between`
  PublishNumbers(6, 8);

  SseStream earliest = Open("/api/sse?start=earliest");
  ExpectNumbers(earliest, 1, 8);
  SseStream last = Open("/api/sse?start=last");
  ExpectNumbers(last, 8, 8);
  SseStream from_time = Open("/api/sse?start=" + between);
  ExpectNumbers(from_time, 6, 8);
  SseStream latest = Open("/api/sse?start=latest");
  ASSERT_TRUE(latest.Next().ok());
  PublishNumbers(9, 10);
  for (SseStream* stream : {&earliest, &last, &from_time, &latest}) {
    ExpectNumbers(*stream, 9, 10);
  }
}

TEST_F(DeliveryTest, SaysWhatIsMissing) {
  system_.StartServer({"--engine", "memory"});
  system_.StartEdge();
  ASSERT_TRUE(system_.WaitReady());
  const std::string head = PublishNumbers(1, 3).back();
  const Cursor cursor = *Cursor::Parse(head);
  const std::string other_epoch = Cursor{*Epoch::Parse("zzzzzzzz"), 2}.ToString();
  const std::string beyond = Cursor{cursor.epoch, cursor.sequence + 1000}.ToString();
  struct Case {
    std::string id;
    std::string reason;
    json requested;
  };
  for (const Case& bad : {Case{"nonsense", "malformed", nullptr}, Case{other_epoch, "other_epoch", other_epoch},
                          Case{beyond, "beyond_head", beyond}}) {
    SseStream stream = Open("/api/sse", {"Last-Event-ID: " + bad.id});
    absl::StatusOr<SseEvent> event = stream.Next();
    ASSERT_TRUE(event.ok()) << event.status();
    EXPECT_EQ(event->event, "weir.connected");
    event = stream.Next();
    ASSERT_TRUE(event.ok()) << event.status() << bad.id;
    EXPECT_EQ(event->event, "weir.gap") << event->data;
    const json data = json::parse(event->data);
    EXPECT_EQ(data["reason"], bad.reason);
    EXPECT_EQ(data["requested"], bad.requested);
    EXPECT_EQ(data["resumedAt"], event->id);
  }
  const absl::StatusOr<Response> poll =
      Fetch(system_.http_port(), "/api/sse?last_event_id=nonsense", {"Accept: application/json"});
  ASSERT_TRUE(poll.ok());
  EXPECT_EQ(poll->status, 400);
}

TEST_F(DeliveryTest, AReaderThatSawNoEventResumesWhereItBegan) {
  system_.StartServer();
  system_.StartEdge();
  ASSERT_TRUE(system_.WaitReady());
  PublishNumbers(1, 3);
  std::string id;
  {
    SseStream stream = Open("/api/sse");
    const absl::StatusOr<SseEvent> connected = stream.Next();
    ASSERT_TRUE(connected.ok()) << connected.status();
    id = connected->id;
  }
  PublishNumbers(4, 6);
  SseStream again = Open("/api/sse", {"Last-Event-ID: " + id});
  // Where "latest" was depends on how far the edge had read: at most the first three may come again, none be missing.
  absl::StatusOr<SseEvent> event = again.NextNamed("flash_message");
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_LE(Number(*event), 4);
  ExpectNumbers(again, Number(*event) + 1, 6);
}

TEST_F(DeliveryTest, ARestartedEdgeContinuesEveryReader) {
  system_.StartServer();
  system_.StartEdge();
  ASSERT_TRUE(system_.WaitReady());
  SseStream stream = Open("/api/sse");
  ASSERT_TRUE(stream.Next().ok());
  PublishNumbers(1, 10);
  ExpectNumbers(stream, 1, 10);
  const std::string id = stream.last_event_id();
  system_.edge().Kill();
  PublishNumbers(11, 20);
  system_.StartEdge();
  SseStream again = Open("/api/sse", {"Last-Event-ID: " + id});
  ExpectNumbers(again, 11, 20);
}

TEST_F(DeliveryTest, AKilledServerLosesNothingAcknowledgedAndTheStreamGoesOn) {
  // The stream is not read while all is published.
  WriteFile(system_.edge_config_path(), "limits: {slow_reader_timeout: 10m}\n" + FiveRoutesYaml());
  system_.StartServer();
  system_.StartEdge();
  ASSERT_TRUE(system_.WaitReady());
  SseStream stream = Open("/api/sse");
  ASSERT_TRUE(stream.Next().ok());

  // A publisher that goes on for the whole time: its client retries with the same event ids.
  constexpr int kEvents = 20'000;
  std::string input;
  for (int i = 1; i <= kEvents; ++i) {
    input += json({{"topic", kTopic}, {"type", kType}, {"data", {{"id", std::to_string(i)}}}}).dump() + "\n";
  }
  WriteFile(system_.dir().File("events"), input);
  absl::StatusOr<Process> publisher =
      Process::Start({BinaryPath("weir"), "publish", "--from", "-", "--server", system_.grpc_address()},
                     system_.dir().File("publish.log"), {}, system_.dir().File("events"));
  ASSERT_TRUE(publisher.ok()) << publisher.status();
  std::vector<json> acks;
  for (int kills = 0; kills < 3; ++kills) {
    for (int i = 0; i < 1000; ++i) {
      absl::StatusOr<std::string> line = publisher->ReadLine(kPatience);
      ASSERT_TRUE(line.ok()) << line.status();
      acks.push_back(json::parse(*line));
    }
    system_.server().Kill();
    system_.StartServer();
  }
  while (acks.size() < kEvents) {
    absl::StatusOr<std::string> line = publisher->ReadLine(kPatience);
    ASSERT_TRUE(line.ok()) << line.status() << ReadFile(system_.dir().File("publish.log"));
    acks.push_back(json::parse(*line));
  }

  // In the log: each once, in the publisher's order, at the acknowledged cursor.
  const CommandResult listed = system_.Weir({"list", "--earliest", kTopic}, "", absl::Seconds(60));
  ASSERT_EQ(listed.exit_code, 0) << listed.err;
  std::istringstream lines(listed.out);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    const json event = json::parse(line);
    ASSERT_EQ(event["data"]["id"], std::to_string(number + 1));
    ASSERT_EQ(event["cursor"], acks[static_cast<size_t>(number)]["cursor"]);
    ++number;
  }
  EXPECT_EQ(number, kEvents);
  // At the browser: the same, on the connection that was open all the time.
  ExpectNumbers(stream, 1, kEvents);
}

TEST_F(DeliveryTest, ARetryWithTheSameIdIsStoredOnceAlsoAfterARestart) {
  system_.StartServer();
  const std::string first = system_.Publish(kTopic, kType, {{"id", "1"}}, "same-id");
  system_.server().Kill();
  system_.StartServer();
  const json line = {{"topic", kTopic}, {"type", kType}, {"data", {{"id", "1"}}}, {"event_id", "same-id"}};
  const json again = system_.PublishLines({line}).front();
  EXPECT_EQ(again["cursor"], first);
  EXPECT_EQ(again["duplicate"], true);
  json other = line;
  other["data"]["id"] = "2";
  EXPECT_EQ(system_.PublishLines({other}).front()["error"]["reason"], "EVENT_ID_REUSED");
}

TEST_F(DeliveryTest, SigtermDrainsTheEdge) {
  system_.StartServer({"--engine", "memory"});
  WriteFile(system_.edge_config_path(), "drain: {window: 200ms, retry_max: 1s}\n" + FiveRoutesYaml());
  system_.StartEdge();
  ASSERT_TRUE(system_.WaitReady());
  SseStream stream = Open("/api/sse");
  ASSERT_TRUE(stream.Next().ok());
  system_.edge().Signal(SIGTERM);
  absl::StatusOr<SseEvent> event = stream.Next();
  while (event.ok()) {
    event = stream.Next();
  }
  EXPECT_TRUE(absl::IsOutOfRange(event.status())) << event.status();  // a clean end, not a cut
  EXPECT_LE(stream.retry_millis(), 1000);
  const absl::StatusOr<int> code = system_.edge().Wait(kPatience);
  ASSERT_TRUE(code.ok()) << code.status();
  EXPECT_EQ(*code, 0);
}

TEST_F(DeliveryTest, TheEdgeShowsItsMetrics) {
  system_.StartServer({"--engine", "memory"});
  system_.StartEdge();
  ASSERT_TRUE(system_.WaitReady());
  const uint16_t admin = system_.edge_admin_port();
  {
    SseStream stream = Open("/api/sse");
    ASSERT_TRUE(stream.Next().ok());
    EXPECT_EQ(System::Metric(admin, "sse_connections_total"), 1);
    PublishNumbers(1, 3);
    ExpectNumbers(stream, 1, 3);
    EXPECT_TRUE(WaitUntil([&] {
      return System::Metric(admin, "sse_messages_sent_total{event_type=\"flash_message\"}") == 3 ||
             System::Metric(admin, "sse_messages_sent_total") == 3;
    }));
  }
  EXPECT_TRUE(WaitUntil([&] { return System::Metric(admin, "sse_connections_total") == 0; }));
  EXPECT_TRUE(WaitUntil([&] { return System::Metric(admin, "sse_connection_duration_seconds_count") == 1; }));
  SseStream back = Open("/api/sse", {"Last-Event-ID: nonsense"});
  ASSERT_TRUE(back.Next().ok());
  EXPECT_GE(System::Metric(admin, "sse_reconnection_attempts_total"), 1);
}

}  // namespace
}  // namespace weir::testing
