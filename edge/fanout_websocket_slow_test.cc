// WebSockets whose clients do not keep up, or change what they read while they are behind.
#include <memory>

#include "edge/testing/websocket_harness.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/property.h"

namespace weir::edge {
namespace {

using nlohmann::json;
using testing::SizeIs;

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

// However a reader changes what it reads, wherever it is just then: what `subscribed` says holds for every event.
class FanoutSubscribeTest : public FanoutWebSocketTest {
 protected:
  static TailOptions ShortTail() {
    TailOptions options = TwoPresentations();
    options.bytes_max = 64 * 1024;
    return options;
  }
  FanoutSubscribeTest() : FanoutWebSocketTest(SmallBuffers(), ShortTail()) { log.page_events_max = 7; }

  // From when on it reads by which filters, as the wire says.
  struct Period {
    uint64_t after;
    std::vector<std::string> filters;
  };
  // What the data begins with.
  static std::vector<int> Numbers(const std::vector<std::string>& data) {
    std::vector<int> numbers;
    for (const std::string& text : data) {
      numbers.push_back(std::atoi(text.c_str()));
    }
    return numbers;
  }
  static uint64_t SequenceOf(const json& cursor) { return Cursor::Parse(cursor.get<std::string>())->sequence; }
  std::vector<std::string> Expected(const TestReader& reader, std::vector<std::string> filters) const {
    std::vector<Period> periods;
    for (const ServerFrame& frame : Frames(reader)) {
      const json message = frame.opcode == Opcode::kText ? json::parse(frame.payload) : json();
      if (message.value("event", "") == "weir.connected") {
        periods.push_back({SequenceOf(message["id"]), filters});
      } else if (message.value("type", "") == "subscribed") {
        periods.push_back({SequenceOf(message["cursor"]), message["filters"]});
      }
    }
    std::vector<std::string> data;
    for (size_t i = 0; i < periods.size(); ++i) {
      const uint64_t until = i + 1 < periods.size() ? periods[i + 1].after : UINT64_MAX;
      EXPECT_LE(periods[i].after, until) << "places go upwards";
      if (!periods[i].filters.empty()) {
        for (const v1::Event& event : log.After(periods[i].after, periods[i].filters, until)) {
          data.push_back(event.payload().value());
        }
      }
    }
    return data;
  }
};

TEST_F(FanoutSubscribeTest, WhatSubscribedSaysHoldsForEveryEvent) {
  log.Fill(tail, 0);
  Spin();
  const std::vector<std::string> topics = {"a.1", "a.2", "b", "c", "z"};
  const std::vector<std::string> filters = {"a.>", "a.1", "a.2", "b", "c"};
  uint64_t next = 0;
  test::ForAll(25, [&](test::Random& random) {
    const auto publish = [&](size_t events) {
      for (; events > 0; --events) {
        log.Add(random.Pick(topics), std::to_string(++next) + std::string(random.Below(900), 'x'));
      }
    };
    publish(random.Below(200));
    Feed();
    const std::vector<std::string> first = {random.Pick(filters)};
    const uint64_t start = random.OneIn(3) ? log.head() : random.Below(log.head() + 1);
    const auto reader = Open(Socket(first, After(log.At(start))), 4096);
    size_t asked = 0;
    for (int step = 0; step < 40; ++step) {
      switch (random.Below(5)) {
        case 0:
          publish(random.Below(30));
          Feed();
          break;
        case 1:
        case 2:
          reader->Write(ClientText(json{
              {"type", random.OneIn(2) ? "subscribe" : "unsubscribe"},
              {"filters",
               {random.Pick(filters)}}}.dump()));
          ++asked;
          break;
        case 3:
          reader->Read(random.Below(8000));
          break;
        default:
          Advance(absl::Seconds(1));
          break;
      }
      Spin();
    }
    reader->Write(ClientText(R"({"type":"subscribe","filters":["c"]})"));
    ASSERT_TRUE(Until(*reader, [&] { return Messages(*reader, "type").size() == asked + 2; }));
    const std::string last = std::to_string(++next);
    const std::string place = log.At(log.Add("c", last)).ToString();
    Feed();
    Advance(absl::Seconds(1));  // history is not asked anew at once
    ASSERT_TRUE(Until(*reader, [&] { return reader->raw().find(place + "\"") != std::string::npos; }));
    ASSERT_TRUE(Until(*reader, [&] {  // a read may end within it
      const std::vector<std::string> data = Data(*reader);
      return !data.empty() && data.back() == last;
    }));
    ASSERT_EQ(Numbers(Data(*reader)), Numbers(Expected(*reader, first)));
    reader->Close();
    ASSERT_TRUE(Until([&] { return hub.open_streams() == 0; }));
  });
  EXPECT_FALSE(log.requests().empty()) << "some were beyond the tail";
}

}  // namespace
}  // namespace weir::edge
