// One cursor everywhere, and who may judge it: only the server, against its durable head. What is no longer there is
// said by a gap, and nothing else is one. What a reload does to cursors is in reload_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "absl/time/clock.h"
#include "base/cursor.h"
#include "tests/integration/numbered_events.h"
#include "tests/support/tunnel.h"

namespace weir::testing {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr char kTopic[] = "dispatch.a";

class CursorRulesTest : public NumberedEvents {
 protected:
  void SetUp() override { WriteFile(system_.edge_config_path(), "routes:\n  - {path: /a, filters: [dispatch.a]}\n"); }
  // One thread, so that what one reader was given is what the edge has read.
  void StartEdge(std::vector<std::string> more = {}) {
    more.insert(more.end(), {"--threads", "1"});
    system_.StartEdge(more);
    ASSERT_TRUE(system_.WaitReady());
  }
  void Start(const std::vector<std::string>& server_flags = {"--engine", "memory"}) {
    system_.StartServer(server_flags);
    StartEdge();
  }
  std::vector<std::string> PublishNumbers(int first, int last) {
    return NumberedEvents::PublishNumbers(kTopic, first, last);
  }
  // What `weir subscribe` prints until it has what it was asked for, or the time is over.
  std::vector<json> Subscribe(std::vector<std::string> args) const {
    args.insert(args.begin(), {"subscribe", kTopic, "--wait", "50s"});
    std::vector<json> lines;
    std::istringstream out(system_.Weir(args).out);
    for (std::string line; std::getline(out, line);) {
      lines.push_back(json::parse(line));
    }
    return lines;
  }
  // The first line that it prints.
  json FirstLine(std::vector<std::string> args) const {
    args.insert(args.begin(), {BinaryPath("weir"), "subscribe", kTopic, "--server", system_.grpc_address()});
    absl::StatusOr<Process> subscriber = Process::Start(args, system_.dir().File("first_line.log"));
    EXPECT_TRUE(subscriber.ok()) << subscriber.status();
    const absl::StatusOr<std::string> line = subscriber->ReadLine(kPatience);
    EXPECT_TRUE(line.ok()) << line.status();
    return line.ok() ? json::parse(*line) : json();
  }
  static std::string GapOf(const json& gap) {
    return gap.value("reason", "") + " " + (gap["requested"].is_null() ? "" : gap.value("requested", "")) + " " +
           gap.value("resumedAt", "");
  }
};

// --- An edge that lags.

TEST_F(CursorRulesTest, AnEdgeThatLagsWaitsForACursorAndNeverCallsItFuture) {
  system_.StartServer({"--engine", "memory"});
  Tunnel tunnel(system_.grpc_port());
  StartEdge({"--server", tunnel.address()});
  SseStream live = OpenAndStart("/a");
  PublishNumbers(1, 2);
  ExpectNumbers(live, 1, 2);
  tunnel.Hold();
  const std::vector<std::string> ahead = PublishNumbers(3, 5);

  // The edge has not seen them, and cannot ask. The reader has what came before its cursor, and waits.
  SseStream resumed = OpenAndStart("/a", ahead[1]);
  EXPECT_EQ(resumed.last_event_id(), ahead[1]);
  ASSERT_TRUE(WaitUntil([&] { return EdgeMetric("weir_edge_history_reads_running") == 1; }, kPatience))
      << "after a moment it would ask the server";
  tunnel.Open();
  ExpectNumbers(resumed, 5, 5);
  ExpectNumbers(live, 3, 5);

  // The same while the server cannot be reached at all.
  tunnel.Cut();
  ASSERT_TRUE(WaitUntil([&] { return EdgeMetric("weir_edge_upstream_connected") == 0; }, kPatience));
  const std::string further = PublishNumbers(6, 7)[0];
  SseStream again = OpenAndStart("/a", further);
  const double reads = EdgeMetric("weir_edge_history_reads_total");
  ASSERT_TRUE(WaitUntil([&] { return EdgeMetric("weir_edge_history_reads_total") > reads + 1; }, kPatience))
      << "it asks, and asks again";
  EXPECT_EQ(StatusOf("/a?cursor=" + further, {"Accept: application/json"}), 503) << "a poll has to be answered";
  tunnel.Open();
  ExpectNumbers(again, 7, 7);
  ExpectNumbers(live, 6, 7);
  EXPECT_EQ(EdgeMetric("weir_edge_gaps_sent_total"), 0);
}

TEST_F(CursorRulesTest, ACursorOfOneEdgeHoldsAtAnother) {
  Start();
  SseStream first = OpenAndStart("/a");
  PublishNumbers(1, 3);
  ExpectNumbers(first, 1, 3);
  const std::string id = first.last_event_id();
  PublishNumbers(4, 5);
  // Another edge on the same port and file, with a tail that begins now.
  WriteFile(system_.edge_config_path(), "tail: {history: 0s}\n" + ReadFile(system_.edge_config_path()));
  system_.edge().Kill();
  StartEdge();
  SseStream second = OpenAndStart("/a", id);
  ExpectNumbers(second, 4, 5);
}

// --- A log from the future.

class OlderCopyTest : public CursorRulesTest {
 protected:
  // Events 1 to 3 are in both logs, 4 to 6 only in the one that is replaced by an older copy of itself.
  void Prepare() {
    system_.StartServer();
    cursors_ = PublishNumbers(1, 3);
    Stop();
    const std::string copy = system_.dir().File("copy");
    std::filesystem::copy(system_.data_dir(), copy, std::filesystem::copy_options::recursive);
    system_.StartServer();
    for (std::string& cursor : PublishNumbers(4, 6)) {
      cursors_.push_back(std::move(cursor));
    }
  }
  void Restore() {
    Stop();
    std::filesystem::remove_all(system_.data_dir());
    std::filesystem::rename(system_.dir().File("copy"), system_.data_dir());
    system_.StartServer();
  }
  void Stop() {
    system_.server().Signal(SIGTERM);
    ASSERT_TRUE(system_.server().Wait(kPatience).ok());
  }
  std::vector<std::string> cursors_;
};

TEST_F(OlderCopyTest, CursorsBeyondTheDurableHeadAreGaps) {
  Prepare();
  Restore();
  StartEdge();
  SseStream beyond = OpenAndStart("/a", cursors_[5]);
  EXPECT_EQ(GapOf(ExpectNext(beyond, "weir.gap")), "beyond_head " + cursors_[5] + " " + cursors_[2]);
  const json poll = Poll("/a?cursor=" + cursors_[4]);
  EXPECT_EQ(GapOf(poll["gap"]), "beyond_head " + cursors_[4] + " " + cursors_[2]);
  const json gap = FirstLine({"--from-id", cursors_[3]})["gap"];
  EXPECT_EQ(gap["reason"], "BEYOND_HEAD");
  EXPECT_EQ(gap["resume_cursor"], cursors_[2]);
  // What both logs have is no gap.
  SseStream within = OpenAndStart("/a", cursors_[1]);
  ExpectNumbers(within, 3, 3);
  PublishNumbers(7, 8);
  ExpectNumbers(beyond, 7, 8);
  ExpectNumbers(within, 7, 8);
}

TEST_F(OlderCopyTest, ReadersOfARunningEdgeAreToldWhenItsLogGoesBack) {
  Prepare();
  StartEdge();
  SseStream live = OpenAndStart("/a", cursors_[2]);
  ExpectNumbers(live, 4, 6);
  Restore();
  EXPECT_EQ(GapOf(ExpectNext(live, "weir.gap")), "beyond_head " + cursors_[5] + " " + cursors_[2]);
  PublishNumbers(7, 9);
  ExpectNumbers(live, 7, 9);
}

// --- Retention.

class RetentionTest : public CursorRulesTest {
 protected:
  void StartServerWith(const std::string& retention) {
    WriteFile(system_.dir().File("server.yaml"), "retention: {check_interval: 1s, " + retention + "}\n");
    system_.StartServer({"--config", system_.dir().File("server.yaml")});
  }
  double Earliest() const { return System::Metric(system_.server_admin_port(), "weir_log_earliest_sequence"); }
};

TEST_F(RetentionTest, ALogTrimmedEmptyKeepsItsHead) {
  StartServerWith("age: 2s");
  StartEdge();
  const std::vector<std::string> cursors = PublishNumbers(1, 5);
  ASSERT_TRUE(WaitUntil([&] { return Earliest() == 6; }, absl::Seconds(60)));
  // The edge's own tail may still have them: another edge has to ask.
  system_.edge().Kill();
  WriteFile(system_.edge_config_path(), "tail: {history: 0s}\n" + ReadFile(system_.edge_config_path()));
  for (const bool restarted : {false, true}) {
    if (restarted) {
      system_.server().Kill();
      StartServerWith("age: 2s");
    }
    system_.edge().Kill();
    StartEdge();
    SseStream old = OpenAndStart("/a", cursors[1]);
    EXPECT_EQ(GapOf(ExpectNext(old, "weir.gap")), "expired " + cursors[1] + " " + cursors[4]);
    SseStream at_head = OpenAndStart("/a", cursors[4]);
    EXPECT_EQ(GapOf(Poll("/a?cursor=" + cursors[0])["gap"]), "expired " + cursors[0] + " " + cursors[4]);
    EXPECT_EQ(Poll("/a?cursor=" + cursors[4])["gap"], nullptr);
    const CommandResult failed =
        system_.Weir({"subscribe", kTopic, "--from-id", cursors[1], "--fail-on-gap", "--wait", "50s"});
    EXPECT_EQ(failed.exit_code, 64 + 11) << "OUT_OF_RANGE";
    EXPECT_THAT(failed.err, HasSubstr("CURSOR_EXPIRED"));
    if (restarted) {
      const std::string next = PublishNumbers(6, 6).front();
      EXPECT_EQ(Cursor::Parse(next)->sequence, 6U) << "not 1 again";
      EXPECT_EQ(Cursor::Parse(next)->epoch, Cursor::Parse(cursors[0])->epoch);
      ExpectNumbers(old, 6, 6);
      ExpectNumbers(at_head, 6, 6);
    }
  }
}

// A reader of old events is slower than what removes them: it misses some, and is told where.
TEST_F(RetentionTest, WhatOvertakesAReaderThatCatchesUpIsAGapAndNeverAHole) {
  StartServerWith("bytes_max: 1MiB");
  WriteFile(system_.edge_config_path(), "tail: {history: 0s, bytes_max: 1MiB}\nlimits: {slow_reader_timeout: 10m}\n" +
                                            ReadFile(system_.edge_config_path()));
  const std::string padding(2000, 'x');
  int published = 0;
  const auto publish = [&](int count) {
    std::vector<json> lines;
    for (int i = 0; i < count; ++i) {
      json line = Line(kTopic, ++published);
      line["data"]["text"] = padding;
      lines.push_back(std::move(line));
    }
    return system_.PublishLines(lines).front()["cursor"].get<std::string>();
  };
  const std::string begin = publish(300);
  StartEdge();
  // One reads pages, one is told to subscribe again, one has its stream open and takes nothing.
  json page = Poll("/a?limit=10&cursor=" + begin);
  SseStream stopped = OpenAndStart("/a", begin);
  int expected = 2;
  int gaps = 0;
  const auto check = [&](const json& id_of_event) {
    ASSERT_EQ(id_of_event, std::to_string(expected));
    ++expected;
  };
  // A gap, of which there is one for each time that it is overtaken.
  const auto skip_to = [&](const std::string& resumed_at) {
    const int next = static_cast<int>(Cursor::Parse(resumed_at)->sequence) + 1;
    EXPECT_GT(next, expected) << "nothing is missing";
    expected = next;
  };
  for (const json& event : page["events"]) {
    check(event["data"]["id"]);
  }
  const double earliest = Earliest();
  // What came at once is removed at once, and not before more has come than is kept.
  const auto is_overtaken = [&] {
    publish(500);
    return Earliest() > earliest + 1000;
  };
  ASSERT_TRUE(WaitUntil(is_overtaken, absl::Seconds(60)));
  const absl::Time give_up = absl::Now() + kPatience;
  while (expected <= published) {
    ASSERT_LT(absl::Now(), give_up) << page["cursor"];
    page = Poll("/a?limit=1000&wait=5s&cursor=" + page["cursor"].get<std::string>());
    if (!page["gap"].is_null()) {
      ++gaps;
      EXPECT_EQ(page["gap"]["reason"], "expired");
      skip_to(page["gap"]["resumedAt"]);
    }
    for (const json& event : page["events"]) {
      check(event["data"]["id"]);
    }
    ASSERT_FALSE(HasFatalFailure());
  }
  EXPECT_GE(gaps, 1);

  expected = 2;
  gaps = 0;
  while (expected <= published) {
    const absl::StatusOr<SseEvent> event = stopped.Next(kPatience);
    ASSERT_TRUE(event.ok()) << event.status() << " at " << expected;
    if (event->event == "weir.gap") {
      ++gaps;
      EXPECT_EQ(json::parse(event->data)["reason"], "expired");
      skip_to(event->id);
      continue;
    }
    check(json::parse(event->data)["id"]);
    ASSERT_FALSE(HasFatalFailure());
  }
  EXPECT_GE(gaps, 1) << "the socket's buffers hold less than what was removed";
}

// --- Other cursors.

TEST_F(CursorRulesTest, AMalformedCursorIsAGapAndThenLiveEvents) {
  Start();
  PublishNumbers(1, 2);
  SseStream live = OpenAndStart("/a");
  PublishNumbers(3, 3);
  ExpectNumbers(live, 3, 3);
  for (const std::string bad : {"nonsense", "abcdefgh-", "abcdefgh-01", "abcdefgh-1x", "Earliest"}) {
    SseStream stream = OpenAndStart("/a", bad);
    EXPECT_EQ(GapOf(ExpectNext(stream, "weir.gap")), "malformed  " + stream.last_event_id()) << bad;
    EXPECT_EQ(stream.last_event_id(), live.last_event_id());
    EXPECT_EQ(StatusOf("/a?cursor=" + bad, {"Accept: application/json"}), 400) << bad;
    EXPECT_EQ(system_.Weir({"subscribe", kTopic, "--from-id", bad, "-n", "1"}).exit_code, 64 + 3) << "INVALID_ARGUMENT";
    const int next = static_cast<int>(Cursor::Parse(live.last_event_id())->sequence) + 1;
    PublishNumbers(next, next);
    ExpectNumbers(stream, next, next);
    ExpectNumbers(live, next, next);
  }
}

TEST_F(CursorRulesTest, EarliestAndLatestMayStandForACursorEverywhere) {
  Start();
  SseStream live = OpenAndStart("/a");
  PublishNumbers(1, 3);
  ExpectNumbers(live, 1, 3);  // the edge has them

  SseStream header = OpenAndStart("/a", "earliest");
  SseStream query = OpenAndStart("/a?last_event_id=earliest");
  SseStream latest = OpenAndStart("/a?start=earliest", "latest");
  ExpectNumbers(header, 1, 3);
  ExpectNumbers(query, 1, 3);
  for (const std::string name : {"cursor", "last_event_id"}) {
    EXPECT_EQ(Poll("/a?" + name + "=earliest")["events"].size(), 3U) << name;
    const json now = Poll("/a?" + name + "=latest");
    EXPECT_EQ(now["events"].size(), 0U) << name;
    EXPECT_EQ(now["cursor"], live.last_event_id());
  }
  EXPECT_EQ(Subscribe({"--from-id", "earliest", "-n", "3"}).back()["data"]["id"], "3");
  const CommandResult listed = system_.Weir({"list", kTopic, "--from-id", "earliest"});
  EXPECT_EQ(std::count(listed.out.begin(), listed.out.end(), '\n'), 3) << listed.out << listed.err;

  absl::StatusOr<Process> subscriber = Process::Start(
      {BinaryPath("weir"), "subscribe", kTopic, "--from-id", "latest", "-n", "1", "--server", system_.grpc_address()},
      system_.dir().File("subscribe.log"));
  ASSERT_TRUE(subscriber.ok()) << subscriber.status();
  ASSERT_TRUE(WaitUntil(
      [&] { return System::Metric(system_.server_admin_port(), "weir_subscriptions{state=\"live\"}") == 2; }));
  PublishNumbers(4, 4);
  json line;
  do {
    const absl::StatusOr<std::string> text = subscriber->ReadLine(kPatience);
    ASSERT_TRUE(text.ok()) << text.status();
    line = json::parse(*text);
  } while (line.contains("progress"));
  EXPECT_EQ(line["data"]["id"], "4");
  for (SseStream* stream : {&header, &query, &latest, &live}) {
    ExpectNumbers(*stream, 4, 4);
  }
}

TEST_F(CursorRulesTest, AReaderMovesBetweenStreamPollAndGrpc) {
  Start();
  SseStream first = OpenAndStart("/a");
  SseStream witness = OpenAndStart("/a");
  PublishNumbers(1, 4);
  ExpectNumbers(first, 1, 2);
  ExpectNumbers(witness, 1, 4);  // the edge has them
  std::string cursor = first.last_event_id();

  json poll = Poll("/a?limit=1&cursor=" + cursor);
  ASSERT_EQ(poll["events"].size(), 1U);
  EXPECT_EQ(poll["events"][0]["data"]["id"], "3");
  EXPECT_EQ(poll["more"], true);
  cursor = poll["cursor"];

  PublishNumbers(5, 6);
  SseStream second = OpenAndStart("/a", cursor);
  ExpectNumbers(second, 4, 5);
  cursor = second.last_event_id();

  PublishNumbers(7, 8);
  const std::vector<json> lines = Subscribe({"--from-id", cursor, "-n", "2"});
  ASSERT_GE(lines.size(), 2U);
  EXPECT_EQ(lines[0]["data"]["id"], "6");
  EXPECT_EQ(lines[1]["data"]["id"], "7");
  cursor = lines[1]["cursor"];

  SseStream third = OpenAndStart("/a?last_event_id=" + cursor);
  ExpectNumbers(third, 8, 8);
  poll = Poll("/a?last_event_id=" + third.last_event_id());
  EXPECT_EQ(poll["events"].size(), 0U);
  EXPECT_EQ(poll["gap"], nullptr);
}

// A reader that was cut before any event goes on where its stream began: the first block's id, also while the edge did
// not know the log yet.
TEST_F(CursorRulesTest, AReaderThatWasCutBeforeItsFirstEventMissesNone) {
  Start();
  PublishNumbers(1, 2);
  SseStream witness = OpenAndStart("/a", "earliest");
  ExpectNumbers(witness, 1, 2);
  std::string id;
  {
    SseStream cut = OpenAndStart("/a");
    id = cut.last_event_id();
    EXPECT_EQ(id, witness.last_event_id());
  }
  PublishNumbers(3, 5);
  SseStream again = OpenAndStart("/a", id);
  ExpectNumbers(again, 3, 5);
}

}  // namespace
}  // namespace weir::testing
