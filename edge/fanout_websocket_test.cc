// Streams that are WebSockets: what differs from SSE. Everything else is the same code, and tested there.
#include "edge/testing/fake_render.h"
#include "edge/testing/websocket_harness.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir::edge {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

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
  request.reader.token.key = 5;
  const auto reader = OpenSocket(std::move(request));
  EXPECT_EQ(Ask(*reader, {{"type", "auth"}, {"token", "good"}}),
            json({{"type", "auth.success"}, {"expiresAt", "2023-11-14T22:23:20Z"}}).dump());
  Advance(absl::Minutes(5));
  log.Add("b", "1");
  Feed();
  ASSERT_TRUE(UntilData(*reader, 1)) << "the first token has ended, and the stream has not";
  // It is bound to the new token's key.
  hub.EndStreams(
      [](const Route&, const TokenMarks& token) { return token.key == 5 ? Hub::Fate::kChanged : Hub::Fate::kStays; },
      absl::ZeroDuration(), [] {});
  EXPECT_EQ(hub.open_streams(), 1);
  reader->Write(ClientFrame(Opcode::kPong, ""));
  Spin();
  Advance(absl::Minutes(7));
  EXPECT_EQ(CloseCode(*reader), close_code::kToken);
  EXPECT_EQ(Messages(*reader, "event").back()["event"], "weir.auth_expired");
  EXPECT_EQ(Closed(CloseReason::kExpired), 1);
}

TEST_F(FanoutWebSocketTest, GrowsNoOlderByRenewals) {
  log.Fill(tail, 0);
  Spin();
  StreamRequest request = Socket({"b"});
  request.reader.expires = now + absl::Minutes(1);
  request.reader.age_max = absl::Minutes(2);
  const auto reader = OpenSocket(std::move(request));
  age_max = absl::Minutes(2);
  Ask(*reader, {{"type", "auth"}, {"token", "good"}});
  reader->Write(ClientFrame(Opcode::kPong, ""));
  Advance(absl::Seconds(119));
  EXPECT_EQ(hub.open_streams(), 1) << "renewed";
  Advance(absl::Seconds(1));
  EXPECT_EQ(CloseCode(*reader), close_code::kGoingAway);
  EXPECT_EQ(Closed(CloseReason::kAge), 1);
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
  Advance(absl::Milliseconds(100));
  ASSERT_TRUE(UntilData(*reader, 8));
  EXPECT_THAT(Data(*reader), ElementsAre("2", "3", "4", "5", "6", "7", "8", "9"));
}

// What it does not wait for is read all the same: it may not have others' turns too.
TEST_F(FanoutWebSocketTest, ChangesOfFiltersDoNotMultiplyReadsOfHistory) {
  for (int i = 1; i <= 9; ++i) {
    log.Add("b", std::to_string(i));
  }
  log.Fill(tail, 8);
  Spin();
  log.Hold();
  const auto reader = OpenSocket(Socket({"b"}, After(log.At(1))));
  for (int i = 0; i < 20; ++i) {
    Ask(*reader, {{"type", "subscribe"}, {"filters", {"a." + std::to_string(i)}}});
  }
  EXPECT_THAT(log.requests(), SizeIs(1));
  Advance(absl::Milliseconds(100));
  EXPECT_THAT(log.requests(), SizeIs(2));
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
  Advance(absl::Milliseconds(100));
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

// Or whoever is closed again and again would have more connections than the limits allow.
TEST_F(FanoutWebSocketTest, CountsUntilItsClientHasGone) {
  log.Fill(tail, 0);
  Spin();
  for (const bool goes : {true, false}) {
    StreamRequest request = Socket({"b"});
    request.address = ConnectionCounts::Held(connections.Open("address"));
    const auto reader = OpenSocket(std::move(request));
    reader->Write(ClientFrame(Opcode::kBinary, "x"));
    EXPECT_EQ(CloseCode(*reader), close_code::kNotText);
    EXPECT_EQ(hub.open_streams(), 0);
    EXPECT_EQ(hub.connections(), 1);
    EXPECT_EQ(connections.open("address"), 1);
    if (goes) {
      reader->Close();
    } else {
      Advance(absl::Seconds(2));
    }
    ASSERT_TRUE(Until([&] { return hub.connections() == 0; }));
    EXPECT_EQ(connections.open("address"), 0);
  }
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
  changing.reader.token.key = 1;
  const auto changed = OpenSocket(std::move(changing));
  const auto gone = OpenSocket(Socket({"b"}));
  hub.EndStreams(
      [](const Route&, const TokenMarks& token) { return token.key == 1 ? Hub::Fate::kChanged : Hub::Fate::kGone; },
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

}  // namespace
}  // namespace weir::edge
