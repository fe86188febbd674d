// SIGHUP: what a running edge and a running server take over, and that readers whom it does not concern notice nothing.
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "absl/time/clock.h"
#include "tests/integration/numbered_events.h"

namespace weir::testing {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr char kRouteA[] = "  - {path: /a, filters: [dispatch.a]}\n";
constexpr char kRouteB[] = "  - {path: /b, filters: [dispatch.b]}\n";
constexpr char kOk[] = "weir_edge_config_reloads_total{result=\"ok\"}";
constexpr char kError[] = "weir_edge_config_reloads_total{result=\"error\"}";

std::string Routes(const std::string& routes) { return "routes:\n" + routes; }

class ReloadTest : public NumberedEvents {
 protected:
  void Start(const std::string& yaml, const std::vector<std::string>& server_flags = {"--engine", "memory"}) {
    WriteFile(system_.edge_config_path(), yaml);
    system_.StartServer(server_flags);
    system_.StartEdge({"--threads", "2"});
    ASSERT_TRUE(system_.WaitReady());
  }
  // SIGHUP with this configuration; returns when the edge has said what it did.
  void Reload(const std::string& yaml, const char* result = kOk) {
    const double before = EdgeMetric(result);
    WriteFile(system_.edge_config_path(), yaml);
    system_.edge().Signal(SIGHUP);
    ASSERT_TRUE(WaitUntil([&] { return EdgeMetric(result) == before + 1; }, kPatience)) << EdgeLog();
  }
  std::string EdgeLog() const { return ReadFile(system_.dir().File("edge.log")); }
};

TEST_F(ReloadTest, ANewRouteServesWhatTheTailNeverHad) {
  Start(Routes(kRouteA));
  SseStream a = OpenAndStart("/a");
  const std::vector<std::string> b = PublishNumbers("dispatch.b", 1, 5);
  PublishNumbers("dispatch.a", 1, 3);
  ExpectNumbers(a, 1, 3);
  EXPECT_EQ(StatusOf("/b"), 404);

  Reload(Routes(std::string(kRouteA) + kRouteB));
  SseStream resumed = OpenAndStart("/b", b[1]);
  ExpectNumbers(resumed, 3, 5);
  SseStream earliest = Open("/b?start=earliest");
  const json poll = Poll("/b?cursor=" + b[3]);
  ASSERT_EQ(poll["events"].size(), 1U) << poll;
  EXPECT_EQ(poll["events"][0]["data"]["id"], "5");
  EXPECT_EQ(poll["gap"], nullptr);

  PublishNumbers("dispatch.b", 6, 8);
  ExpectNumbers(resumed, 6, 8);
  ExpectNext(earliest, "weir.connected");
  ExpectNumbers(earliest, 1, 8);
  SseStream again = OpenAndStart("/b", resumed.last_event_id());
  PublishNumbers("dispatch.a", 4, 6);
  ExpectNumbers(a, 4, 6);
  EXPECT_EQ(EdgeMetric("weir_edge_tail_generation"), 1) << "the tail goes on";
  EXPECT_EQ(EdgeMetric("weir_edge_streams_closed_total{reason=\"reload\"}"), 0);
}

// Routes come and go while events flow: nobody loses or repeats one, and who is not concerned keeps the connection.
TEST_F(ReloadTest, NothingIsLostOrDoubledWhileEventsFlow) {
  // One of them is not read before the end.
  const auto routes = [](const std::string& more) {
    return Routes(kRouteA + more) + "limits: {slow_reader_timeout: 10m}\n";
  };
  Start(routes(""));
  SseStream a = OpenAndStart("/a");
  const std::string begin = a.last_event_id();
  constexpr int kEvents = 6000;
  std::string input;
  for (int i = 1; i <= kEvents; ++i) {
    input += Line("dispatch.a", i).dump() + "\n" + Line("dispatch.b", i).dump() + "\n";
  }
  WriteFile(system_.dir().File("events"), input);
  absl::StatusOr<Process> publisher =
      Process::Start({BinaryPath("weir"), "publish", "--from", "-", "--server", system_.grpc_address()},
                     system_.dir().File("publish.log"), {}, system_.dir().File("events"));
  ASSERT_TRUE(publisher.ok()) << publisher.status();

  // /b is there every other time, each time shown in another way: a reader of it goes on by its id.
  std::vector<int> seen;
  std::string id = begin;
  const auto read_b = [&](SseStream& stream, bool to_the_end) {
    while (seen.empty() || seen.back() < kEvents) {
      const absl::StatusOr<SseEvent> event = stream.Next(kPatience);
      if (!event.ok()) {
        // A reader that is behind when its route goes is cut: what waits for it cannot be ended cleanly.
        ASSERT_TRUE(absl::IsOutOfRange(event.status()) || absl::IsUnavailable(event.status())) << event.status();
        break;
      }
      id = event->id;
      if (event->event == kEvent) {
        const json data = json::parse(event->data);
        seen.push_back(std::stoi((data.contains("data") ? data["data"] : data)["id"].get<std::string>()));
      } else {
        ASSERT_TRUE(event->event == "weir.connected" || event->event == "weir.draining") << event->event;
      }
      if (!to_the_end && event->event == kEvent) {
        break;
      }
    }
  };
  const auto publish_some = [&] {
    for (int i = 0; i < 2 * kEvents / 8; ++i) {
      const absl::StatusOr<std::string> line = publisher->ReadLine(absl::Seconds(60));
      ASSERT_TRUE(line.ok()) << line.status() << ReadFile(system_.dir().File("publish.log"));
    }
  };
  for (int round = 0; round < 4; ++round) {
    publish_some();
    const char* envelope = round % 2 == 0 ? "none" : "event";
    Reload(routes(std::string("  - {path: /b, filters: [dispatch.b], envelope: {kind: ") + envelope + "}}\n"));
    SseStream b = Open("/b", id);
    read_b(b, false);
    publish_some();
    Reload(routes(""));
    read_b(b, true);
    EXPECT_EQ(StatusOf("/b"), 404);
  }
  Reload(routes(kRouteB));
  SseStream b = Open("/b", id);
  read_b(b, true);
  ASSERT_EQ(seen.size(), static_cast<size_t>(kEvents));
  for (int i = 0; i < kEvents; ++i) {
    ASSERT_EQ(seen[static_cast<size_t>(i)], i + 1);
  }
  ExpectNumbers(a, 1, kEvents);
  EXPECT_EQ(*publisher->Wait(absl::Seconds(60)), 0);
  EXPECT_EQ(EdgeMetric("weir_edge_gaps_sent_total"), 0);
}

TEST_F(ReloadTest, ARemovedRouteEndsItsReadersAndIsNoMore) {
  Start(Routes(std::string(kRouteA) + kRouteB) + "drain: {retry_max: 700ms}\n");
  SseStream a = OpenAndStart("/a");
  SseStream b = OpenAndStart("/b");
  Reload(Routes(kRouteA) + "drain: {retry_max: 700ms}\n");
  ExpectDrained(b);
  EXPECT_LE(b.retry_millis(), 700);
  EXPECT_EQ(StatusOf("/b"), 404);
  PublishNumbers("dispatch.a", 1, 2);
  ExpectNumbers(a, 1, 2);
  EXPECT_EQ(EdgeMetric("weir_edge_streams_closed_total{reason=\"reload\"}"), 1);
}

TEST_F(ReloadTest, AWaitingPollOfARemovedRouteIsAnswered) {
  Start(Routes(std::string(kRouteA) + kRouteB));
  const json now = Poll("/b");
  absl::StatusOr<Connection> waiting = Connection::Open(system_.http_port());
  ASSERT_TRUE(waiting.ok());
  ASSERT_TRUE(waiting
                  ->Send("GET /b?cursor=" + now["cursor"].get<std::string>() +
                         "&wait=60 HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nConnection: close\r\n\r\n")
                  .ok());
  ASSERT_TRUE(WaitUntil([&] { return EdgeMetric("weir_edge_polls_total") >= 2; }));
  Reload(Routes(kRouteA));
  EXPECT_THAT(waiting->ReceiveAll(kPatience), HasSubstr("HTTP/1.1 200 OK"));
}

TEST_F(ReloadTest, ARouteThatIsShownOtherwiseGoesOnByItsId) {
  Start(Routes(kRouteA));
  SseStream before = OpenAndStart("/a");
  PublishNumbers("dispatch.a", 1, 3);
  ExpectNumbers(before, 1, 3);
  Reload(Routes("  - {path: /a, filters: [dispatch.a], envelope: {kind: event}}\n"));
  PublishNumbers("dispatch.a", 4, 5);
  ExpectDrained(before);
  SseStream after = OpenAndStart("/a", before.last_event_id());
  for (int i = 4; i <= 5; ++i) {
    EXPECT_EQ(ExpectNext(after, kEvent)["data"]["id"], std::to_string(i));
  }
  EXPECT_EQ(EdgeMetric("weir_edge_history_reads_total"), 0) << "the last block's id is one that the tail covers";
}

TEST_F(ReloadTest, AKeyThatGoesTakesItsReadersWithIt) {
  WriteFile(system_.dir().File("second"), "another secret of at least thirty-two bytes\n");
  const std::string routes = Routes("  - {path: /v, filters: [dispatch.a], auth: required}\n");
  const std::string first = "    - {algorithm: HS256, file: secret}\n";
  const std::string second = "    - {algorithm: HS256, file: second}\n";
  const auto token = [this](const std::string& key) {
    const std::string out = system_.Weir({"token", "--key", system_.dir().File(key), "--sub", "ann"}).out;
    return out.substr(0, out.find('\n'));
  };
  Start("auth:\n  keys:\n" + first + routes);
  SseStream old_key = OpenAndStart("/v?token=" + token("secret"));
  EXPECT_EQ(StatusOf("/v?token=" + token("second"), {"Accept: application/json"}), 401);

  Reload("auth:\n  keys:\n" + first + second + routes);
  SseStream new_key = OpenAndStart("/v?token=" + token("second"));
  PublishNumbers("dispatch.a", 1, 1);
  ExpectNumbers(old_key, 1, 1);
  ExpectNumbers(new_key, 1, 1);

  Reload("auth:\n  keys:\n" + second + routes);
  ExpectDrained(old_key);
  EXPECT_EQ(StatusOf("/v?token=" + token("secret"), {"Accept: application/json"}), 401) << "not remembered either";
  PublishNumbers("dispatch.a", 2, 3);
  ExpectNumbers(new_key, 2, 3);

  // Other rules for tokens: each has to be judged anew.
  Reload("auth:\n  issuers: [joe]\n  keys:\n" + second + routes);
  ExpectDrained(new_key);
  EXPECT_EQ(StatusOf("/v?token=" + token("second"), {"Accept: application/json"}), 401);
}

TEST_F(ReloadTest, ABadFileChangesNothing) {
  Start(Routes(kRouteA));
  SseStream a = OpenAndStart("/a");
  Reload("routes:\n  - {path: /b, filters: [dispatch.b]}\n  - {path: /c, filters: [\"a..b\"]}\n", kError);
  EXPECT_THAT(EdgeLog(), HasSubstr("edge.yaml:3:26: routes[1].filters[0]"));
  EXPECT_EQ(StatusOf("/b"), 404);
  WriteFile(system_.edge_config_path(), "");
  Reload("", kError);
  PublishNumbers("dispatch.a", 1, 2);
  ExpectNumbers(a, 1, 2);
  EXPECT_EQ(EdgeMetric(kOk), 0);
  Reload(Routes(std::string(kRouteA) + kRouteB));
  OpenAndStart("/b");
  PublishNumbers("dispatch.a", 3, 3);
  ExpectNumbers(a, 3, 3);
  EXPECT_EQ(EdgeMetric("weir_edge_upstream_connected"), 1);
}

TEST_F(ReloadTest, WhatCannotChangeIsNamedAndStays) {
  Start(Routes(kRouteA));
  SseStream a = OpenAndStart("/a");
  // `threads`, `server` and the addresses are given by flags here, which still weigh more.
  Reload("tail: {bytes_max: 2MiB}\nlimits: {history_reads_max: 3, slow_reader_timeout: 5s, connections_max: 7}\n" +
         Routes(kRouteA));
  EXPECT_THAT(EdgeLog(),
              HasSubstr("reload: tail.bytes_max, limits.slow_reader_timeout, limits.history_reads_max cannot change"));
  PublishNumbers("dispatch.a", 1, 1);
  ExpectNumbers(a, 1, 1);
}

TEST_F(ReloadTest, OriginsLimitsAndTheLogLevelAreTakenOver) {
  Start(Routes(kRouteA));
  const auto origin = [this] {
    const absl::StatusOr<Response> response =
        Fetch(system_.http_port(), "/a", {"Accept: application/json", "Origin: https://x.example"});
    return response.ok() && response->headers.contains("access-control-allow-origin");
  };
  EXPECT_FALSE(origin());
  SseStream a = OpenAndStart("/a");
  Reload("log_level: warning\ncors: {origins: [\"https://x.example\"]}\nlimits: {connections_max: 1}\n" +
         Routes(kRouteA));
  EXPECT_TRUE(WaitUntil(origin));
  EXPECT_EQ(StatusOf("/a", {"Accept: text/event-stream; weir=1"}), 503) << "one is open already";
  const std::string before = EdgeLog();
  Reload("log_level: warning\n" + Routes(kRouteA));
  EXPECT_EQ(EdgeLog(), before) << "what is only news is not logged any more";
  EXPECT_FALSE(origin());
}

// While the server is away a reload works too: what is new is there when the server is.
TEST_F(ReloadTest, AReloadNeedsNoServer) {
  Start(Routes(kRouteA), {});
  SseStream a = OpenAndStart("/a");
  const std::vector<std::string> b = PublishNumbers("dispatch.b", 1, 3);
  system_.server().Kill();
  Reload(Routes(std::string(kRouteA) + kRouteB));
  SseStream resumed = OpenAndStart("/b", b[0]);
  system_.StartServer();
  ExpectNumbers(resumed, 2, 3);
  PublishNumbers("dispatch.b", 4, 4);
  ExpectNumbers(resumed, 4, 4);
  PublishNumbers("dispatch.a", 1, 2);
  ExpectNumbers(a, 1, 2);
}

// The applications' descriptor set, and one without the type that the events here have.
class TypesReloadTest : public ReloadTest {
 protected:
  void SetUp() override { system_.UseDescriptors(system_.dir().File("types.binpb")); }

  void WriteTypes(bool with_ours) const {
    google::protobuf::FileDescriptorSet all;
    ASSERT_TRUE(all.ParseFromString(ReadFile(AppsDescriptorPath())));
    google::protobuf::FileDescriptorSet set;
    for (const auto& file : all.file()) {
      if (with_ours || file.package() != "apps.dispatch.v1") {
        *set.add_file() = file;
      }
    }
    WriteFile(system_.dir().File("types.binpb"), set.SerializeAsString());
  }
  // SIGHUP with or without the type.
  void ReloadTypes(bool with_ours) {
    WriteTypes(with_ours);
    const size_t before = ServerReloads("taken over");
    system_.server().Signal(SIGHUP);
    ASSERT_TRUE(WaitUntil([&] { return ServerReloads("taken over") > before; }, kPatience));
  }
  size_t ServerReloads(const std::string& result) const {
    const std::string log = ReadFile(system_.dir().File("server.log"));
    size_t count = 0;
    for (size_t at = log.find("reload: " + result); at != std::string::npos;
         at = log.find("reload: " + result, at + 1)) {
      ++count;
    }
    return count;
  }
  std::string ReasonOfPublishing() {
    return system_.PublishLines({Line("dispatch.a", 0)}).front().value(json::json_pointer("/error/reason"), "");
  }
};

TEST_F(TypesReloadTest, ANewTypeNeedsNoRestartOfServerOrEdge) {
  WriteTypes(false);
  Start(Routes(kRouteA));
  SseStream a = OpenAndStart("/a");
  EXPECT_EQ(ReasonOfPublishing(), "TYPE_UNKNOWN");
  ReloadTypes(true);
  PublishNumbers("dispatch.a", 1, 3);
  ExpectNumbers(a, 1, 3);
}

TEST_F(TypesReloadTest, EventsOfAWithdrawnTypeAreGapsEverywhere) {
  WriteTypes(true);
  Start(Routes(kRouteA), {});
  SseStream live = OpenAndStart("/a");
  const std::string begin = live.last_event_id();
  const std::vector<std::string> cursors = PublishNumbers("dispatch.a", 1, 2);
  ExpectNumbers(live, 1, 2);
  ReloadTypes(false);
  EXPECT_EQ(ReasonOfPublishing(), "TYPE_UNKNOWN");

  // From the tail of an edge that knows only the new schema, and from the server's history.
  const std::string typed =
      std::string(kRouteA) + "  - {path: /typed, filters: [dispatch.a], types: [" + kType + "]}\n";
  for (const std::string tail : {"5m", "0s"}) {
    system_.edge().Kill();
    WriteFile(system_.edge_config_path(), "tail: {history: " + tail + "}\n" + Routes(typed));
    system_.StartEdge();
    ASSERT_TRUE(system_.WaitReady());
    for (const std::string path : {"/a", "/typed"}) {
      SseStream stream = OpenAndStart(path, begin);
      for (const std::string& cursor : cursors) {
        const json gap = ExpectNext(stream, "weir.gap");
        EXPECT_EQ(gap["reason"], "unrenderable") << path << tail;
        EXPECT_EQ(gap["resumedAt"], cursor);
      }
      const json poll = Poll(path + "?cursor=" + begin);
      EXPECT_EQ(poll["events"].size(), 0U);
      EXPECT_EQ(poll["gap"]["reason"], "unrenderable") << poll;
      EXPECT_EQ(poll["gap"]["resumedAt"], cursors[0]);
    }
    EXPECT_EQ(EdgeMetric("weir_edge_gaps_sent_total"), 4) << tail;
    EXPECT_EQ(EdgeMetric("weir_edge_history_reads_total") > 0, tail == "0s");
  }

  ReloadTypes(true);
  SseStream back = OpenAndStart("/a", begin);
  PublishNumbers("dispatch.a", 3, 3);
  ExpectNumbers(back, 1, 3);
}

TEST_F(TypesReloadTest, BadDescriptorsChangeNothing) {
  WriteTypes(true);
  Start(Routes(kRouteA));
  WriteFile(system_.dir().File("types.binpb"), "no descriptors");
  system_.server().Signal(SIGHUP);
  ASSERT_TRUE(
      WaitUntil([&] { return ReadFile(system_.dir().File("server.log")).find("types.binpb") != std::string::npos; }));
  SseStream a = OpenAndStart("/a");
  PublishNumbers("dispatch.a", 1, 2);
  ExpectNumbers(a, 1, 2);
}

}  // namespace
}  // namespace weir::testing
