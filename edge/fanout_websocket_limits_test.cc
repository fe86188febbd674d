// What the client of a WebSocket may say, and how long it may take.
#include <memory>

#include "edge/testing/websocket_harness.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir::edge {
namespace {

using testing::SizeIs;

class FanoutWebSocketLimitsTest : public FanoutWebSocketTest {
 protected:
  explicit FanoutWebSocketLimitsTest(HubOptions options = {}) : FanoutWebSocketTest(options) {
    log.Fill(tail, 0);
    Spin();
  }

  std::unique_ptr<TestReader> OpenLimited(int receive_buffer = 0) {
    StreamRequest request = Socket({"b"});
    request.web_socket->limits = limits;
    return OpenSocket(std::move(request), receive_buffer);
  }
  static size_t Count(const TestReader& reader, Opcode opcode) {
    size_t count = 0;
    for (const ServerFrame& frame : Frames(reader)) {
      count += frame.opcode == opcode ? 1 : 0;
    }
    return count;
  }
  // Sends it; whether there was a pong of the protocol. False: the connection is closed.
  bool Answers(TestReader& reader, const std::string& bytes) {
    const size_t before = Count(reader, Opcode::kPong);
    reader.Write(bytes);
    EXPECT_TRUE(Until(reader, [&] { return Count(reader, Opcode::kPong) > before || reader.ended(); }));
    return Count(reader, Opcode::kPong) > before;
  }
  // The last message's.
  static std::string Reason(const TestReader& reader) { return Messages(reader, "type").back().value("reason", ""); }

  const std::string ping = ClientFrame(Opcode::kPing, "");
  WebSocketLimits limits;
};

TEST_F(FanoutWebSocketLimitsTest, AMinutesWorthComesAtOnceAndThenTheRate) {
  limits.messages_per_minute = 6;
  const auto reader = OpenLimited();
  const auto other = OpenLimited();
  for (int i = 0; i < 6; ++i) {
    ASSERT_TRUE(Answers(*reader, ping)) << i;
  }
  Advance(absl::Seconds(10));
  EXPECT_TRUE(Answers(*reader, ping)) << "one more, in a sixth of a minute";
  EXPECT_FALSE(Answers(*reader, ping));
  EXPECT_EQ(CloseCode(*reader), 4429);
  EXPECT_EQ(Reason(*reader), "TOO_MANY_MESSAGES");
  EXPECT_EQ(Closed(CloseReason::kRate), 1);
  EXPECT_TRUE(Answers(*other, ping)) << "each connection is counted by itself";
}

// It has said something already, with its first message and before.
TEST_F(FanoutWebSocketLimitsTest, GoesOnWithWhatIsLeftOfTheLimit) {
  limits.messages_per_minute = 6;
  StreamRequest request = Socket({"b"});
  request.web_socket->limits = limits;
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(request.web_socket->messages.Take(
        6, TokenBucket::Instant(absl::ToChronoMilliseconds(now - absl::UnixEpoch()))));
  }
  const auto reader = OpenSocket(std::move(request));
  EXPECT_TRUE(Answers(*reader, ping));
  EXPECT_TRUE(Answers(*reader, ping));
  EXPECT_FALSE(Answers(*reader, ping));
  EXPECT_EQ(CloseCode(*reader), 4429);
}

// However they come in, and whatever they are.
TEST_F(FanoutWebSocketLimitsTest, CountsMessagesPingsAndPongsAndNoFragments) {
  limits.messages_per_minute = 3;
  const std::string parts = ClientFrame(Opcode::kText, R"({"type")", false) +
                            ClientFrame(Opcode::kContinuation, R"(:"pi)", false) +
                            ClientFrame(Opcode::kContinuation, R"(ng"})");
  const auto good = OpenLimited();
  good->Write(ClientFrame(Opcode::kPong, "") + parts + ping + ClientClose(1000));
  EXPECT_EQ(CloseCode(*good), 1000) << "the end is always heard";
  EXPECT_EQ(Closed(CloseReason::kClient), 1);

  const auto bad = OpenLimited();
  bad->Write(ClientFrame(Opcode::kPong, "") + parts + ping + parts + ping);
  EXPECT_EQ(CloseCode(*bad), 4429);
  EXPECT_THAT(Messages(*bad, "type"), SizeIs(3)) << "auth.success, pong and error";
  EXPECT_EQ(Count(*bad, Opcode::kPong), 1);
}

// Whoever is pinged must answer.
TEST_F(FanoutWebSocketLimitsTest, CountsNoPongThatWasAskedFor) {
  limits.messages_per_minute = 1;
  route->heartbeat_interval = absl::Seconds(10);
  const auto reader = OpenLimited();
  const std::string pong = ClientFrame(Opcode::kPong, "");
  for (size_t pings = 1; pings <= 8; ++pings) {
    Advance(absl::Seconds(10));
    ASSERT_TRUE(Until(*reader, [&] { return Count(*reader, Opcode::kPing) == pings || reader->ended(); }));
    ASSERT_FALSE(reader->ended()) << pings;
    reader->Write(pong);
  }
  EXPECT_TRUE(Answers(*reader, ping)) << "the first that counts";
  reader->Write(pong);
  EXPECT_EQ(CloseCode(*reader), 4429) << "that one was not asked for";
}

TEST_F(FanoutWebSocketLimitsTest, AMessageThatIsBegunHasADeadline) {
  limits.message_timeout = absl::Seconds(10);
  const std::string fragment = ClientFrame(Opcode::kText, R"({"ty)", false);
  const std::string text = ClientText(R"({"type":"ping"})");
  for (const std::string& begun : {fragment, fragment + ClientFrame(Opcode::kContinuation, "", false),
                                   text.substr(0, 1), text.substr(0, text.size() - 1), ping.substr(0, 5)}) {
    const auto reader = OpenLimited();
    const uint64_t closed = Closed(CloseReason::kDeadline);
    ASSERT_TRUE(Answers(*reader, ping + begun));
    Advance(absl::Seconds(9));
    EXPECT_EQ(hub.open_streams(), 1);
    Advance(absl::Seconds(1));
    EXPECT_EQ(CloseCode(*reader), 4408);
    EXPECT_EQ(Reason(*reader), "DEADLINE_EXCEEDED");
    EXPECT_EQ(Closed(CloseReason::kDeadline), closed + 1);
  }
}

TEST_F(FanoutWebSocketLimitsTest, NothingThatComesBetweenMovesTheDeadline) {
  limits.message_timeout = absl::Seconds(10);
  const auto reader = OpenLimited();
  std::string next = ClientFrame(Opcode::kText, R"({"ty)", false) + ping;
  for (int second = 0; second < 10; ++second) {
    ASSERT_TRUE(Answers(*reader, next)) << second;
    next.clear();
    for (int i = 0; i < 32; ++i) {  // as many as are answered in a row
      next += i % 2 == 0 ? ping : ClientFrame(Opcode::kContinuation, "", false) + ping;
    }
    Advance(absl::Seconds(1));
  }
  EXPECT_EQ(CloseCode(*reader), 4408);
}

TEST_F(FanoutWebSocketLimitsTest, EachMessageHasADeadlineOfItsOwn) {
  limits.message_timeout = absl::Seconds(10);
  const auto reader = OpenLimited();
  const std::string text = ClientText(R"({"type":"ping"})");
  std::string next = ping + text.substr(0, 9);
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(Answers(*reader, next)) << i;
    Advance(absl::Seconds(8));
    next = text.substr(9) + ping + text.substr(0, 9);
  }
  EXPECT_EQ(hub.open_streams(), 1);
  ASSERT_TRUE(Answers(*reader, text.substr(9) + ping));
  Advance(absl::Seconds(60));
  EXPECT_EQ(hub.open_streams(), 1) << "nothing has begun";
}

class SlowWebSocketLimitsTest : public FanoutWebSocketLimitsTest {
 protected:
  static HubOptions SmallBuffers() {
    HubOptions options;
    options.send_buffer_bytes = 8192;
    return options;
  }
  SlowWebSocketLimitsTest() : FanoutWebSocketLimitsTest(SmallBuffers()) {}
};

// The rest may have come long ago.
TEST_F(SlowWebSocketLimitsTest, TheDeadlineStandsStillWhileItIsNotHeard) {
  limits.message_timeout = absl::Seconds(10);
  const auto reader = OpenLimited(4096);
  ASSERT_TRUE(Answers(*reader, ping + ClientFrame(Opcode::kText, R"({"type":)", false)));
  Advance(absl::Seconds(4));
  for (int i = 0; i < 400; ++i) {
    log.Add("b", std::string(1000, 'x'));
  }
  Feed();
  ASSERT_EQ(hub.counters().lagging.get(), 1);
  Advance(absl::Seconds(30));
  ASSERT_TRUE(UntilData(*reader, 400));
  ASSERT_TRUE(Until([&] { return hub.counters().lagging.get() == 0; }));
  Advance(absl::Seconds(5));
  EXPECT_EQ(hub.open_streams(), 1) << "it was heard for nine seconds";
  Advance(absl::Seconds(1));
  EXPECT_EQ(CloseCode(*reader), 4408);
}

TEST_F(FanoutWebSocketLimitsTest, WithoutOneAllIsHeard) {
  const auto reader = OpenLimited();
  std::string pings;
  for (int i = 0; i < 5000; ++i) {
    pings += ping;
  }
  reader->WriteAll(pings);
  ASSERT_TRUE(Until(*reader, [&] {
    reader->FinishWrite();
    return reader->raw().size() > 5000 * 2 && Count(*reader, Opcode::kPong) == 5000;
  }));
}

}  // namespace
}  // namespace weir::edge
