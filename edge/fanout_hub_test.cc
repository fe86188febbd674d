#include "edge/fanout_hub.h"

#include <algorithm>
#include <memory>

#include "edge/testing/fake_render.h"
#include "edge/testing/hub_harness.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir::edge {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class FanoutHubTest : public testing::Test, public HubHarness {};

TEST_F(FanoutHubTest, WritesTheHeadAndTheFirstBlockAtOnce) {
  log.Add("a", "old");
  log.Fill(tail, 0);
  Spin();
  StreamRequest request = Request({"a"});
  request.extra_headers = "Access-Control-Allow-Origin: https://x.example\r\n";
  const auto reader = Open(std::move(request));
  reader->Read();
  EXPECT_EQ(reader->raw(),
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
            "X-Accel-Buffering: no\r\nX-Content-Type-Options: nosniff\r\nVary: Accept\r\n"
            "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n"
            "Access-Control-Allow-Origin: https://x.example\r\n\r\n"
            "3b\r\nevent: weir.connected\nid: aaaaaaaa-1\nretry: 2000\ndata: {}\n\n\r\n");
  EXPECT_EQ(hub.open_streams(), 1);
}

TEST_F(FanoutHubTest, AnHttp10StreamIsNotFramed) {
  log.Fill(tail, 0);
  Spin();
  StreamRequest request = Request({"a"});
  request.chunked = false;
  const auto reader = Open(std::move(request));
  log.Add("a", "1");
  Feed();
  ASSERT_TRUE(Until(*reader, 1));
  EXPECT_EQ(reader->head().find("Transfer-Encoding"), std::string::npos);
  EXPECT_NE(reader->head().find("Connection: close"), std::string::npos);
  EXPECT_EQ(reader->raw().substr(reader->head().size()),
            "event: weir.connected\nid: aaaaaaaa-0\nretry: 2000\ndata: {}\n\n"
            "event: t.Event\nid: aaaaaaaa-1\ndata: 1\n\n");
}

TEST_F(FanoutHubTest, EveryReaderGetsItsEventsInOrderAndNoOthers) {
  log.Fill(tail, 0);
  Spin();
  const auto ann = OpenAndStart(Request({"users.ann.n", "all.n"}));
  const auto bob = OpenAndStart(Request({"users.bob.n", "all.n"}));
  const auto second = OpenAndStart(Request({"users.ann.n", "all.n"}));
  const auto wide = OpenAndStart(Request({"users.*.n", ">"}));
  log.Add("users.ann.n", "1");
  log.Add("all.n", "2");
  log.Add("users.bob.n", "3");
  log.Add("users.ann.n", "4");
  Feed();
  ASSERT_TRUE(Until(*ann, 3));
  EXPECT_THAT(ann->data("t.Event"), ElementsAre("1", "2", "4"));
  ASSERT_TRUE(Until(*second, 3));
  EXPECT_THAT(second->data("t.Event"), ElementsAre("1", "2", "4"));
  ASSERT_TRUE(Until(*bob, 2));
  EXPECT_THAT(bob->data("t.Event"), ElementsAre("2", "3"));
  ASSERT_TRUE(Until(*wide, 4));
  EXPECT_THAT(wide->data("t.Event"), ElementsAre("1", "2", "3", "4"));
}

TEST_F(FanoutHubTest, AnEventIsRenderedOnceForAllReaders) {
  log.Fill(tail, 0);
  Spin();
  const auto one = OpenAndStart(Request({"a"}));
  const auto two = OpenAndStart(Request({"a"}));
  const auto three = OpenAndStart(Request({"*"}));
  const int before = FramesRendered();
  log.Add("a", "1");
  Feed();
  ASSERT_TRUE(Until(*one, 1) && Until(*two, 1) && Until(*three, 1));
  EXPECT_EQ(FramesRendered(), before + 1);
}

// Others lie between them: what waits becomes one send for each reader, not one for each event.
TEST_F(FanoutHubTest, OfManyTopicsTheEventsThatWaitAreSentTogether) {
  log.Fill(tail, 0);
  Spin();
  const auto one = OpenAndStart(Request({"t1"}));
  const auto others = OpenAndStart(Request({"t2", "t3"}));
  for (int i = 0; i < 3; ++i) {
    log.Add("t1", std::to_string(i));
    for (int topic = 2; topic < 1000; ++topic) {
      log.Add("t" + std::to_string(topic), std::to_string(i));
    }
  }
  Feed();
  ASSERT_TRUE(Until(*one, 3));
  EXPECT_THAT(one->data("t.Event"), ElementsAre("0", "1", "2"));
  EXPECT_THAT(one->raw(), HasSubstr("\ndata: 0\n\nevent: t.Event\nid: aaaaaaaa-1000\ndata: 1\n\nevent: "));
  ASSERT_TRUE(Until(*others, 6));
}

TEST_F(FanoutHubTest, NoBlockGrowsFarBeyondItsBound) {
  log.Fill(tail, 0);
  Spin();
  const auto reader = OpenAndStart(Request({"a"}));
  for (int i = 0; i < 100; ++i) {
    log.Add("a", std::string(10'000, 'x'));
  }
  Feed();
  ASSERT_TRUE(Until(*reader, 100));
  const std::string& raw = reader->raw();
  size_t longest = 0;
  for (size_t at = reader->head().size(); at < raw.size();) {
    const size_t size = std::stoul(raw.substr(at, 8), nullptr, 16);
    longest = std::max(longest, size);
    at = raw.find("\r\n", at) + 2 + size + 2;
  }
  EXPECT_GT(longest, 200'000);
  EXPECT_LT(longest, 280'000);
}

TEST_F(FanoutHubTest, ARouteShowsOnlyItsTypes) {
  route->types = {"t.Event"};
  log.Fill(tail, 0);
  Spin();
  const auto live = OpenAndStart(Request({"a"}));
  log.Add("a", "1", "t.Other");
  log.Add("a", "2");
  Feed();
  ASSERT_TRUE(Until(*live, 1));
  EXPECT_EQ(live->blocks().size(), 2);
  const auto resumed = OpenAndStart(Request({"a"}, After(log.At(0))));
  ASSERT_TRUE(Until(*resumed, 1));
  EXPECT_EQ(resumed->blocks().size(), 2);
}

TEST_F(FanoutHubTest, AnEventThatCannotBeRenderedBecomesAGap) {
  log.Add("a", "!");
  log.Fill(tail, 1);
  Spin();
  const auto history_reader = OpenAndStart(Request({"a"}, After(log.At(0))));
  log.Add("a", "!");
  log.Add("a", "3");
  Feed();
  ASSERT_TRUE(Until(*history_reader, 1));
  EXPECT_THAT(history_reader->data("weir.gap"),
              ElementsAre(R"({"reason":"unrenderable","requested":"aaaaaaaa-0","resumedAt":"aaaaaaaa-1"})",
                          R"({"reason":"unrenderable","requested":"aaaaaaaa-1","resumedAt":"aaaaaaaa-2"})"));
  EXPECT_EQ(hub.counters().gaps_sent.get(), 2) << "from history and from the tail";
}

TEST_F(FanoutHubTest, ClosingIsNoticed) {
  log.Fill(tail, 0);
  Spin();
  auto reader = OpenAndStart(Request({"a"}));
  auto other = OpenAndStart(Request({"a"}));
  reader->Write("bytes that nobody asked for");
  Spin();
  EXPECT_EQ(hub.open_streams(), 2);
  reader->Close();
  ASSERT_TRUE(Until([&] { return hub.open_streams() == 1; }));
  EXPECT_EQ(hub.counters().closed[static_cast<size_t>(CloseReason::kClient)].get() +
                hub.counters().closed[static_cast<size_t>(CloseReason::kError)].get(),
            1);
  log.Add("a", "1");
  Feed();
  EXPECT_TRUE(Until(*other, 1));
}

TEST_F(FanoutHubTest, ACommentHeartbeatIsOneLine) {
  log.Fill(tail, 0);
  Spin();
  const auto reader = OpenAndStart(Request({"a"}));
  const size_t before = reader->raw().size();
  Advance(absl::Seconds(24));
  reader->Read();
  EXPECT_EQ(reader->raw().size(), before);
  Advance(absl::Seconds(1));
  reader->Read();
  EXPECT_EQ(reader->raw().substr(before), "2\r\n:\n\r\n");
  Advance(absl::Seconds(25));
  reader->Read();
  EXPECT_EQ(reader->raw().substr(before), "2\r\n:\n\r\n2\r\n:\n\r\n");
}

TEST_F(FanoutHubTest, ANamedHeartbeatTellsHowFarTheLogWasReadAndCountsConnections) {
  route->heartbeat_event = "heartbeat";
  route->heartbeat_interval = absl::Seconds(30);
  google::protobuf::Struct data;
  (*data.mutable_fields())["connections"].set_string_value("{connections}");
  log.Fill(tail, 0);
  Spin();
  StreamRequest request = Request({"a"});
  request.heartbeat_data = DataTemplate::Compile(data)->Bind({});
  const auto one = OpenAndStart(request);
  const auto two = OpenAndStart(request);
  log.Skip(41);
  Feed();
  Advance(absl::Seconds(30));
  one->Read();
  ASSERT_EQ(one->blocks().size(), 2);
  EXPECT_EQ(one->blocks()[1].event, "heartbeat");
  EXPECT_EQ(one->blocks()[1].id, "aaaaaaaa-41");
  EXPECT_EQ(one->blocks()[1].data, R"({"connections":2})");
}

TEST_F(FanoutHubTest, TheStreamEndsWithItsToken) {
  log.Fill(tail, 0);
  Spin();
  StreamRequest request = Request({"a"});
  request.reader.expires = now + absl::Seconds(10);
  const auto reader = OpenAndStart(std::move(request));
  Advance(absl::Seconds(9));
  EXPECT_EQ(hub.open_streams(), 1);
  Advance(absl::Seconds(1));
  EXPECT_EQ(hub.open_streams(), 0);
  ASSERT_TRUE(Until(*reader, [&] { return reader->ended(); }));
  EXPECT_TRUE(reader->ended_cleanly());
  EXPECT_EQ(reader->blocks().back().event, "weir.auth_expired");
}

TEST_F(FanoutHubTest, TheStreamEndsAtItsGreatestAgeWhateverItsToken) {
  log.Fill(tail, 0);
  Spin();
  StreamRequest request = Request({"a"});
  request.reader.expires = now + absl::Hours(1);
  request.reader.age_max = absl::Seconds(10);
  const auto reader = OpenAndStart(std::move(request));
  Advance(absl::Seconds(9));
  EXPECT_EQ(hub.open_streams(), 1);
  Advance(absl::Seconds(1));
  ASSERT_TRUE(Until(*reader, [&] { return reader->ended(); }));
  EXPECT_TRUE(reader->ended_cleanly());
  EXPECT_EQ(reader->blocks().back().event, "weir.draining") << "the token is good: the client is to come back";
  EXPECT_EQ(hub.counters().closed[static_cast<size_t>(CloseReason::kAge)].get(), 1);
}

TEST_F(FanoutHubTest, AYoungStreamStillEndsWithItsToken) {
  log.Fill(tail, 0);
  Spin();
  StreamRequest request = Request({"a"});
  request.reader.expires = now + absl::Seconds(5);
  request.reader.age_max = absl::Seconds(10);
  const auto reader = OpenAndStart(std::move(request));
  Advance(absl::Seconds(5));
  ASSERT_TRUE(Until(*reader, [&] { return reader->ended(); }));
  EXPECT_EQ(reader->blocks().back().event, "weir.auth_expired");
}

}  // namespace
}  // namespace weir::edge
