// Streams that are WebSockets: what differs from SSE. Everything else is the same code, and tested there.
#include <sys/socket.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "edge/testing/client_frame.h"
#include "edge/testing/fake_render.h"
#include "edge/testing/hub_harness.h"
#include "edge/websocket/answers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir::edge {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

TailOptions TwoPresentations() {
  TailOptions options;
  options.presentations = 2;
  return options;
}

class FanoutWebSocketTest : public testing::Test, public HubHarness, protected TokenJudge {
 protected:
  explicit FanoutWebSocketTest(HubOptions options = {}) : HubHarness(TwoPresentations(), options) {
    PresentationOptions messages;
    messages.framing = Framing::kWebSocket;
    route->message_presentation_index = 1;
    route->message_presentation = std::make_shared<Presentation>(messages);
  }

  std::variant<Renewal, Refusal> Renew(const Route&, const Identity& identity, const std::optional<std::string>& token,
                                       absl::Time) override {
    EXPECT_EQ(identity[0], 7);
    if (token != "good") {
      return Refusal{close_code::kForbidden, reason::kPrincipalChanged, "somebody else"};
    }
    return Renewal{now + absl::Minutes(10), now + absl::Minutes(11), 9};
  }

  StreamRequest Socket(std::vector<std::string> filters, ReadStart start = {}) {
    StreamRequest request = Request(std::move(filters), start);
    WebSocketRequest& web_socket = request.web_socket.emplace();
    web_socket.judge = this;
    web_socket.identity[0] = 7;
    web_socket.allowed = {"a.>", "b", "c"};
    AppendAuthSuccess(absl::InfiniteFuture(), web_socket.answer);
    return request;
  }
  std::unique_ptr<TestReader> OpenSocket(StreamRequest request, int receive_buffer = 0) {
    std::unique_ptr<TestReader> reader = Open(std::move(request), receive_buffer);
    EXPECT_TRUE(Until(*reader, [&] { return !Messages(*reader, "event").empty(); }));
    return reader;
  }

  static std::vector<ServerFrame> Frames(const TestReader& reader) { return ServerFrames(reader.raw()); }
  // The texts that have that member.
  static std::vector<json> Messages(const TestReader& reader, const std::string& member) {
    std::vector<json> messages;
    for (const ServerFrame& frame : Frames(reader)) {
      if (frame.opcode == Opcode::kText) {
        if (json message = json::parse(frame.payload); message.contains(member)) {
          messages.push_back(std::move(message));
        }
      }
    }
    return messages;
  }
  // The data of the log's events.
  static std::vector<std::string> Data(const TestReader& reader) {
    std::vector<std::string> data;
    for (const json& message : Messages(reader, "event")) {
      if (message["event"] == "t.Event") {
        data.push_back(message["data"]);
      }
    }
    return data;
  }
  bool UntilData(TestReader& reader, size_t events) {
    return Until(reader, [&] { return Data(reader).size() >= events; });
  }
  // Waits for the close frame and the end; the code.
  uint16_t CloseCode(TestReader& reader) {
    EXPECT_TRUE(Until(reader, [&] { return reader.ended(); }));
    const std::vector<ServerFrame> frames = Frames(reader);
    return !frames.empty() && frames.back().opcode == Opcode::kClose ? frames.back().code() : 0;
  }
  std::string Ask(TestReader& reader, const json& message) {
    const size_t before = Messages(reader, "type").size();
    reader.Write(ClientText(message.dump()));
    EXPECT_TRUE(Until(reader, [&] { return Messages(reader, "type").size() > before; }));
    const std::vector<json> answers = Messages(reader, "type");
    return answers.size() > before ? answers[before].dump() : "";
  }
  uint64_t Closed(CloseReason reason) const { return hub.counters().closed[static_cast<size_t>(reason)].get(); }
};

TEST_F(FanoutWebSocketTest, AnswersFirstAndThenBeginsTheStream) {
  log.Add("b", "old");
  log.Fill(tail, 0);
  Spin();
  const auto reader = OpenSocket(Socket({"b"}));
  log.Add("b", "1");
  log.Add("c", "no");
  log.Add("b", "2");
  Feed();
  ASSERT_TRUE(UntilData(*reader, 2));
  std::vector<std::string> texts;
  for (const ServerFrame& frame : Frames(*reader)) {
    texts.push_back(frame.payload);
  }
  EXPECT_THAT(texts, ElementsAre(R"({"type":"auth.success"})",
                                 R"({"event":"weir.connected","id":"aaaaaaaa-1","data":{},"retry":2000})",
                                 R"({"event":"t.Event","id":"aaaaaaaa-2","data":"1"})",
                                 R"({"event":"t.Event","id":"aaaaaaaa-4","data":"2"})"));
  EXPECT_EQ(hub.counters().open_streams.get(), 1);
  EXPECT_EQ(hub.counters().open_web_sockets.get(), 1);
}

TEST_F(FanoutWebSocketTest, AnEventIsRenderedOnceForAllReadersOfAFraming) {
  log.Fill(tail, 0);
  Spin();
  const auto one = OpenSocket(Socket({"b"}));
  const auto two = OpenSocket(Socket({"b"}));
  const auto other = OpenSocket(Socket({"b", "c"}));
  const auto sse = OpenAndStart(Request({"b"}));
  const int before = FramesRendered();
  log.Add("b", "1");
  Feed();
  ASSERT_TRUE(UntilData(*one, 1) && UntilData(*two, 1) && UntilData(*other, 1) && Until(*sse, 1));
  EXPECT_EQ(FramesRendered(), before + 2);
  EXPECT_EQ(sse->data("t.Event"), Data(*one));
}

TEST_F(FanoutWebSocketTest, AnswersHoweverMessagesComeIn) {
  log.Fill(tail, 0);
  Spin();
  const auto reader = OpenSocket(Socket({"b"}));
  const std::string bytes = ClientFrame(Opcode::kText, R"({"type":)", false) + ClientFrame(Opcode::kPing, "between") +
                            ClientFrame(Opcode::kContinuation, R"("ping"})") + ClientFrame(Opcode::kPong, "unasked");
  for (const char byte : bytes) {
    reader->Write(std::string(1, byte));
    Spin();
  }
  ASSERT_TRUE(Until(*reader, [&] { return Frames(*reader).size() == 4; }));
  EXPECT_EQ(Frames(*reader)[2].opcode, Opcode::kPong);
  EXPECT_EQ(Frames(*reader)[2].payload, "between");
  EXPECT_EQ(Frames(*reader)[3].payload, R"({"type":"pong"})");
}

TEST_F(FanoutWebSocketTest, AnswersWhatCameBeforeItWasHandedOver) {
  log.Fill(tail, 0);
  Spin();
  StreamRequest request = Socket({"b"});
  const std::string ping = ClientText(R"({"type":"ping"})");
  request.web_socket->received = ping + ping.substr(0, 5);
  const auto reader = OpenSocket(std::move(request));
  reader->Write(ping.substr(5));
  ASSERT_TRUE(Until(*reader, [&] { return Messages(*reader, "type").size() == 3; }));
}

TEST_F(FanoutWebSocketTest, RenewsTheTokenInPlace) {
  log.Fill(tail, 0);
  Spin();
  StreamRequest request = Socket({"b"});
  request.reader.expires = now + absl::Minutes(1);
  request.reader.key = 5;
  const auto reader = OpenSocket(std::move(request));
  EXPECT_EQ(Ask(*reader, {{"type", "auth"}, {"token", "good"}}),
            json({{"type", "auth.success"}, {"expiresAt", "2023-11-14T22:23:20Z"}}).dump());
  Advance(absl::Minutes(5));
  log.Add("b", "1");
  Feed();
  ASSERT_TRUE(UntilData(*reader, 1)) << "the first token has ended, and the stream has not";
  // It is bound to the new token's key.
  hub.EndStreams([](const Route&, uint32_t key) { return key == 5 ? Hub::Fate::kChanged : Hub::Fate::kStays; },
                 absl::ZeroDuration(), [] {});
  EXPECT_EQ(hub.open_streams(), 1);
  reader->Write(ClientFrame(Opcode::kPong, ""));
  Spin();
  Advance(absl::Minutes(7));
  EXPECT_EQ(CloseCode(*reader), close_code::kToken);
  EXPECT_EQ(Messages(*reader, "event").back()["event"], "weir.auth_expired");
  EXPECT_EQ(Closed(CloseReason::kExpired), 1);
}

TEST_F(FanoutWebSocketTest, AnotherPrincipalIsRefused) {
  log.Fill(tail, 0);
  Spin();
  const auto reader = OpenSocket(Socket({"b"}));
  reader->Write(ClientText(R"({"type":"auth","token":"another's"})"));
  EXPECT_EQ(CloseCode(*reader), close_code::kForbidden);
  EXPECT_EQ(Messages(*reader, "type").back(),
            json({{"type", "auth.error"}, {"reason", "PRINCIPAL_CHANGED"}, {"detail", "somebody else"}}));
  EXPECT_EQ(Closed(CloseReason::kRefused), 1);
}

TEST_F(FanoutWebSocketTest, SubscribesToWhatItsRouteAllows) {
  log.Fill(tail, 0);
  Spin();
  const auto reader = OpenSocket(Socket({"b"}));
  log.Add("c", "before");
  Feed();
  EXPECT_EQ(Ask(*reader, {{"type", "subscribe"}, {"filters", {"c", "a.*"}}}),
            R"({"cursor":"aaaaaaaa-1","filters":["a.*","b","c"],"type":"subscribed"})");
  log.Add("c", "1");
  log.Add("a.x", "2");
  log.Add("a.x.y", "no");
  Feed();
  ASSERT_TRUE(UntilData(*reader, 2));
  EXPECT_EQ(Ask(*reader, {{"type", "unsubscribe"}, {"filters", {"b", "a.*", "not there"}}}),
            R"({"cursor":"aaaaaaaa-4","filters":["c"],"type":"subscribed"})");
  log.Add("b", "no");
  log.Add("c", "3");
  Feed();
  ASSERT_TRUE(UntilData(*reader, 3));
  EXPECT_THAT(Data(*reader), ElementsAre("1", "2", "3"));
  EXPECT_THAT(Ask(*reader, {{"type", "subscribe"}, {"filters", {"b", "d"}}}), testing::HasSubstr("FILTER_NOT_ALLOWED"));
  json many = {{"type", "subscribe"}, {"filters", json::array()}};
  for (int i = 0; i < 64; ++i) {
    many["filters"].push_back("a." + std::to_string(i));
  }
  EXPECT_THAT(Ask(*reader, many), testing::HasSubstr("TOO_MANY_FILTERS"));
  log.Add("b", "no");
  log.Add("c", "4");
  Feed();
  ASSERT_TRUE(UntilData(*reader, 4)) << "it goes on as it was";
  EXPECT_THAT(Data(*reader), ElementsAre("1", "2", "3", "4"));
}

TEST_F(FanoutWebSocketTest, SubscribesBeforeTheLogIsKnown) {
  const auto reader = Open(Socket({"b"}));
  ASSERT_TRUE(Until(*reader, [&] { return Messages(*reader, "type").size() == 1; }));
  EXPECT_EQ(Ask(*reader, {{"type", "subscribe"}, {"filters", {"c"}}}),
            R"({"cursor":null,"filters":["b","c"],"type":"subscribed"})");
  log.Add("c", "old");
  log.Fill(tail, 0);
  Spin();
  log.Add("c", "1");
  Feed();
  ASSERT_TRUE(UntilData(*reader, 1));
  EXPECT_THAT(Data(*reader), ElementsAre("1"));
}

TEST_F(FanoutWebSocketTest, WithoutFiltersItStandsAtTheHead) {
  for (int i = 1; i <= 5; ++i) {
    log.Add("b", std::to_string(i));
  }
  log.Fill(tail, 3);
  Spin();
  // However it begins: nothing is asked of the server.
  for (const ReadStart& start : {ReadStart(), After(log.At(1)), From(ReadStart::Kind::kEarliest), After(log.At(4))}) {
    const auto reader = OpenSocket(Socket({}, start));
    EXPECT_EQ(Ask(*reader, {{"type", "subscribe"}, {"filters", {"b"}}}),
              R"({"cursor":"aaaaaaaa-5","filters":["b"],"type":"subscribed"})");
    EXPECT_EQ(Ask(*reader, {{"type", "unsubscribe"}, {"filters", {"b"}}}),
              R"({"cursor":"aaaaaaaa-5","filters":[],"type":"subscribed"})");
  }
  EXPECT_THAT(log.requests(), IsEmpty());
  const auto reader = OpenSocket(Socket({}));
  log.Add("b", "no");
  Feed();
  Ask(*reader, {{"type", "subscribe"}, {"filters", {"b"}}});
  log.Add("b", "yes");
  Feed();
  ASSERT_TRUE(UntilData(*reader, 1));
  EXPECT_THAT(Data(*reader), ElementsAre("yes"));
  // Of a place that the hub has not reached, what follows comes once.
  const auto ahead = OpenSocket(Socket({}, After(log.At(8))));
  EXPECT_EQ(Ask(*ahead, {{"type", "subscribe"}, {"filters", {"b"}}}),
            R"({"cursor":"aaaaaaaa-8","filters":["b"],"type":"subscribed"})");
  log.Add("b", "before its place");
  log.Add("b", "after it");
  Feed();
  ASSERT_TRUE(UntilData(*ahead, 1));
  EXPECT_THAT(Data(*ahead), ElementsAre("after it"));
}

// The page that was asked for belongs to the old filters.
TEST_F(FanoutWebSocketTest, SubscribesWhileHistoryIsRead) {
  for (int i = 1; i <= 9; ++i) {
    log.Add(i % 2 == 0 ? "b" : "c", std::to_string(i));
  }
  log.Fill(tail, 8);
  Spin();
  log.Hold();
  const auto reader = OpenSocket(Socket({"b"}, After(log.At(1))));
  EXPECT_EQ(Ask(*reader, {{"type", "subscribe"}, {"filters", {"c"}}}),
            R"({"cursor":"aaaaaaaa-1","filters":["b","c"],"type":"subscribed"})");
  log.Release();
  ASSERT_TRUE(UntilData(*reader, 8));
  EXPECT_THAT(Data(*reader), ElementsAre("2", "3", "4", "5", "6", "7", "8", "9"));
}

TEST_F(FanoutWebSocketTest, ToldOfAGapOnceWhenItSubscribesBeforeThat) {
  for (int i = 1; i <= 9; ++i) {
    log.Add("b", std::to_string(i));
  }
  log.TrimTo(4);
  log.Fill(tail, 8);
  Spin();
  log.Hold();
  const auto reader = OpenSocket(Socket({"b"}, After(log.At(1))));
  Ask(*reader, {{"type", "subscribe"}, {"filters", {"c"}}});
  log.Release();
  ASSERT_TRUE(UntilData(*reader, 5));
  EXPECT_EQ(hub.counters().gaps_sent.get(), 1);
  EXPECT_THAT(Data(*reader), ElementsAre("5", "6", "7", "8", "9"));
}

TEST_F(FanoutWebSocketTest, WhatIsNoMessageIsToldAndEnds) {
  log.Fill(tail, 0);
  Spin();
  for (const std::string_view bad : {"nonsense", R"({"type":"auth","cursor":"x"})", R"({"type":"publish"})"}) {
    const auto reader = OpenSocket(Socket({"b"}));
    reader->Write(ClientText(R"({"type":"ping"})") + ClientText(bad) + ClientText(R"({"type":"ping"})"));
    EXPECT_EQ(CloseCode(*reader), close_code::kMessage);
    EXPECT_THAT(Messages(*reader, "type"), SizeIs(3)) << "auth.success, pong, error";
    EXPECT_EQ(Messages(*reader, "type").back()["reason"], "MESSAGE_INVALID");
  }
  EXPECT_EQ(Closed(CloseReason::kProtocol), 3);
  EXPECT_EQ(hub.counters().received[static_cast<size_t>(MessageKind::kInvalid)].get(), 3);
  EXPECT_EQ(hub.open_streams(), 0);
}

// The client goes on sending after its fault; the close frame arrives all the same.
TEST_F(FanoutWebSocketTest, AFaultIsToldToAClientThatGoesOnSending) {
  log.Fill(tail, 0);
  Spin();
  const auto reader = OpenSocket(Socket({"b"}));
  reader->Write(ClientFrame(Opcode::kBinary, std::string(60'000, 'x')));
  Spin();
  reader->Write(std::string(60'000, 'y'));
  EXPECT_EQ(CloseCode(*reader), close_code::kNotText);
  EXPECT_EQ(hub.open_streams(), 0);
}

TEST_F(FanoutWebSocketTest, TheClientsEndIsTheEnd) {
  log.Fill(tail, 0);
  Spin();
  const auto polite = OpenSocket(Socket({"b"}));
  const auto rude = OpenSocket(Socket({"b"}));
  polite->Write(ClientClose(3001));
  EXPECT_EQ(CloseCode(*polite), 3001);
  rude->Close();
  ASSERT_TRUE(Until([&] { return hub.open_streams() == 0; }));
  EXPECT_EQ(Closed(CloseReason::kClient), 2);
  EXPECT_EQ(hub.counters().open_web_sockets.get(), 0);
}

TEST_F(FanoutWebSocketTest, DrainsWithAFarewellAndACode) {
  log.Fill(tail, 0);
  Spin();
  const auto reader = OpenSocket(Socket({"b"}));
  bool done = false;
  hub.Drain(absl::ZeroDuration(), absl::Seconds(2), [&] { done = true; });
  EXPECT_EQ(CloseCode(*reader), close_code::kGoingAway);
  const json last = Messages(*reader, "event").back();
  EXPECT_EQ(last["event"], "weir.draining");
  EXPECT_EQ(last["id"], "aaaaaaaa-0");
  EXPECT_LE(last["retry"].get<int>(), 2000);
  ASSERT_TRUE(Until([&] { return done; }));
  const auto late = Open(Socket({"b"}));
  EXPECT_EQ(CloseCode(*late), close_code::kGoingAway) << "also one that comes now";
}

TEST_F(FanoutWebSocketTest, AReloadSaysWhetherThereIsSomethingToComeBackTo) {
  log.Fill(tail, 0);
  Spin();
  StreamRequest changing = Socket({"b"});
  changing.reader.key = 1;
  const auto changed = OpenSocket(std::move(changing));
  const auto gone = OpenSocket(Socket({"b"}));
  hub.EndStreams([](const Route&, uint32_t key) { return key == 1 ? Hub::Fate::kChanged : Hub::Fate::kGone; },
                 absl::Seconds(1), [] {});
  EXPECT_EQ(CloseCode(*changed), close_code::kGoingAway);
  EXPECT_EQ(Messages(*changed, "event").back()["event"], "weir.draining");
  EXPECT_EQ(CloseCode(*gone), close_code::kGone);
  EXPECT_EQ(Closed(CloseReason::kReload), 2);
}

TEST_F(FanoutWebSocketTest, IsPingedAndCutWhenNothingAnswers) {
  log.Fill(tail, 0);
  Spin();
  const auto alive = OpenSocket(Socket({"b"}));
  const auto silent = OpenSocket(Socket({"b"}));
  const auto pings = [](const TestReader& reader) {
    size_t count = 0;
    for (const ServerFrame& frame : Frames(reader)) {
      count += frame.opcode == Opcode::kPing ? 1 : 0;
    }
    return count;
  };
  for (size_t i = 1; i <= 4; ++i) {
    Advance(route->heartbeat_interval);
    if (i <= 2) {
      ASSERT_TRUE(Until(*silent, [&] { return pings(*silent) == i; })) << i;
    }
    ASSERT_TRUE(Until(*alive, [&] { return pings(*alive) == i; })) << i;
    alive->Write(ClientFrame(Opcode::kPong, ""));
    Spin();
  }
  silent->Read();
  EXPECT_TRUE(silent->ended());
  EXPECT_EQ(Closed(CloseReason::kVanished), 1);
  EXPECT_EQ(hub.open_streams(), 1);
}

TEST_F(FanoutWebSocketTest, ANamedHeartbeatIsAMessageWithAPing) {
  route->heartbeat_event = "beat";
  log.Fill(tail, 0);
  Spin();
  StreamRequest request = Socket({"b"});
  request.heartbeat_data = route->heartbeat_data.Bind({});
  const auto reader = OpenSocket(std::move(request));
  log.Add("z", "elsewhere");
  Feed();
  Advance(route->heartbeat_interval);
  ASSERT_TRUE(Until(*reader, [&] { return Frames(*reader).size() == 4; }));
  EXPECT_EQ(json::parse(Frames(*reader)[2].payload)["event"], "beat");
  EXPECT_EQ(json::parse(Frames(*reader)[2].payload)["id"], "aaaaaaaa-1") << "how far the log was read for it";
  EXPECT_EQ(Frames(*reader)[3].opcode, Opcode::kPing);
}

HubOptions SmallBuffers() {
  HubOptions options;
  options.send_buffer_bytes = 8192;
  return options;
}

class FanoutSmallWebSocketTest : public FanoutWebSocketTest {
 protected:
  FanoutSmallWebSocketTest() : FanoutWebSocketTest(SmallBuffers()) {}
};

// Nothing queues up for a client that asks and does not take the answers: it is not heard, and later nothing is lost.
TEST_F(FanoutSmallWebSocketTest, AClientThatTakesNoAnswersIsNotHeard) {
  log.Fill(tail, 0);
  Spin();
  const auto reader = OpenSocket(Socket({"b"}), 4096);
  reader->Read();
  const size_t begun = reader->raw().size();
  constexpr size_t kPings = 4000;
  const std::string payload(120, 'p');
  std::string pings;
  for (size_t i = 0; i < kPings; ++i) {
    pings += ClientFrame(Opcode::kPing, payload);
  }
  reader->WriteAll(pings);
  for (int i = 0; i < 100; ++i) {
    Spin();
    reader->FinishWrite();
  }
  EXPECT_EQ(hub.counters().lagging.get(), 1);
  EXPECT_LT(hub.counters().bytes_sent.get(), pings.size() / 2) << "the hub has read everything";
  ASSERT_TRUE(Until(*reader, [&] {
    reader->FinishWrite();
    return reader->raw().size() >= begun + kPings * (2 + payload.size());
  }));
  const std::vector<ServerFrame> frames = Frames(*reader);
  ASSERT_THAT(frames, SizeIs(2 + kPings));
  for (size_t i = 2; i < frames.size(); ++i) {
    ASSERT_EQ(frames[i].payload, payload);
  }
  EXPECT_EQ(hub.counters().lagging.get(), 0);
}

TEST_F(FanoutSmallWebSocketTest, AReaderThatStopsIsCut) {
  log.Fill(tail, 0);
  Spin();
  const auto reader = OpenSocket(Socket({"b"}), 4096);
  for (int i = 0; i < 400; ++i) {
    log.Add("b", std::string(1000, 'x'));
  }
  Feed();
  EXPECT_EQ(hub.counters().lagging.get(), 1);
  Advance(absl::Seconds(61));
  EXPECT_EQ(Closed(CloseReason::kSlow), 1);
  EXPECT_EQ(hub.open_streams(), 0);
}

// While it is behind there are places between its blocks, and there it is heard.
TEST_F(FanoutSmallWebSocketTest, IsHeardWhileItIsBehind) {
  log.Fill(tail, 0);
  Spin();
  const auto reader = OpenSocket(Socket({"b"}), 4096);
  constexpr int kEvents = 600;
  for (int i = 0; i < kEvents; ++i) {
    log.Add("b", std::to_string(i) + std::string(1000, 'x'));
  }
  Feed();
  ASSERT_EQ(hub.counters().lagging.get(), 1);
  reader->Write(ClientText(R"({"type":"ping"})"));
  size_t at_pong = 0;
  ASSERT_TRUE(Until([&] {
    reader->Read(4096);
    if (at_pong == 0 && Messages(*reader, "type").size() == 2) {
      at_pong = Data(*reader).size();
    }
    return Data(*reader).size() == kEvents;
  }));
  EXPECT_GT(at_pong, 0);
  EXPECT_LT(at_pong, kEvents);
}

}  // namespace
}  // namespace weir::edge
