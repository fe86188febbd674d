#include "edge/fanout_hub.h"

#include <algorithm>
#include <memory>

#include "edge/testing/fake_render.h"
#include "edge/testing/hub_harness.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir::edge {
namespace {

using Kind = ReadStart::Kind;
using testing::ElementsAre;
using testing::IsEmpty;
using Strings = std::vector<std::string>;

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

TEST_F(FanoutHubTest, ResumesFromTheTailThenGoesLive) {
  for (int i = 1; i <= 5; ++i) {
    log.Add("a", std::to_string(i));
  }
  log.Fill(tail, 0);
  Spin();
  const auto reader = OpenAndStart(Request({"a"}, After(log.At(2))));
  EXPECT_EQ(reader->blocks()[0].id, "aaaaaaaa-2");
  log.Add("a", "6");
  Feed();
  ASSERT_TRUE(Until(*reader, 4));
  EXPECT_THAT(reader->data("t.Event"), ElementsAre("3", "4", "5", "6"));
  EXPECT_THAT(log.requests(), IsEmpty());
  EXPECT_EQ(hub.counters().resumed[0].get(), 1);
}

TEST_F(FanoutHubTest, ResumesFromHistoryThenTheTailThenGoesLive) {
  for (int i = 1; i <= 9; ++i) {
    log.Add("a", std::to_string(i));
  }
  log.page_events_max = 2;
  log.Fill(tail, 6);
  Spin();
  const auto reader = OpenAndStart(Request({"a"}, After(log.At(1))));
  log.Add("a", "10");
  Feed();
  ASSERT_TRUE(Until(*reader, 9));
  EXPECT_THAT(reader->data("t.Event"), ElementsAre("2", "3", "4", "5", "6", "7", "8", "9", "10"));
  EXPECT_EQ(log.requests().size(), 3);  // up to 3, 5 and 7: from 6 on the tail has it
}

TEST_F(FanoutHubTest, AnExpiredCursorGetsAGapThenWhatIsLeft) {
  for (int i = 1; i <= 9; ++i) {
    log.Add("a", std::to_string(i));
  }
  log.TrimTo(4);
  log.Fill(tail, 6);
  Spin();
  const auto reader = OpenAndStart(Request({"a"}, After(log.At(1))));
  ASSERT_TRUE(Until(*reader, 5));
  const std::vector<SseBlock> blocks = reader->blocks();
  EXPECT_EQ(blocks[0].event, "weir.connected");
  EXPECT_EQ(blocks[0].id, "aaaaaaaa-1");
  EXPECT_EQ(blocks[1].event, "weir.gap");
  EXPECT_EQ(blocks[1].id, "aaaaaaaa-4");
  EXPECT_EQ(blocks[1].data, R"({"reason":"expired","requested":"aaaaaaaa-1","resumedAt":"aaaaaaaa-4"})");
  EXPECT_THAT(reader->data("t.Event"), ElementsAre("5", "6", "7", "8", "9"));
  EXPECT_EQ(hub.counters().resumed[static_cast<size_t>(ResumeResult::kExpired)].get(), 1);
}

TEST_F(FanoutHubTest, ACursorOfAnotherEpochGetsAGap) {
  log.Add("a", "1");
  log.Fill(tail, 0);
  Spin();
  const auto reader = OpenAndStart(Request({"a"}, After({*Epoch::Parse("zzzzzzzz"), 77})));
  ASSERT_TRUE(Until(*reader, 1));
  EXPECT_EQ(reader->blocks()[1].data, R"({"reason":"other_epoch","requested":"zzzzzzzz-77","resumedAt":"aaaaaaaa-0"})");
}

TEST_F(FanoutHubTest, AMalformedCursorGetsAGapAndTheLatest) {
  log.Add("a", "1");
  log.Fill(tail, 0);
  Spin();
  const auto reader = OpenAndStart(Request({"a"}, From(Kind::kMalformedCursor)));
  EXPECT_EQ(reader->blocks()[0].id, "aaaaaaaa-1");
  EXPECT_EQ(reader->blocks()[1].data, R"({"reason":"malformed","requested":null,"resumedAt":"aaaaaaaa-1"})");
  log.Add("a", "2");
  Feed();
  ASSERT_TRUE(Until(*reader, 1));
}

TEST_F(FanoutHubTest, ACursorAheadOfTheTailWaitsForIt) {
  log.Fill(tail, 0);
  Spin();
  for (int i = 1; i <= 6; ++i) {
    log.Add("a", std::to_string(i));
  }
  const auto reader = OpenAndStart(Request({"a"}, After(log.At(4))));
  Spin();
  EXPECT_EQ(reader->blocks().size(), 1);
  EXPECT_THAT(log.requests(), IsEmpty());
  Feed();
  ASSERT_TRUE(Until(*reader, 2));
  EXPECT_THAT(reader->data("t.Event"), ElementsAre("5", "6"));
}

TEST_F(FanoutHubTest, OnlyTheServerCallsACursorBeyondTheHead) {
  log.Add("a", "1");
  log.Fill(tail, 0);
  Spin();
  const auto reader = OpenAndStart(Request({"a"}, After(log.At(50))));
  Advance(absl::Milliseconds(500));
  EXPECT_EQ(reader->blocks().size(), 1);
  Advance(absl::Seconds(1));
  ASSERT_TRUE(Until(*reader, [&] { return reader->blocks().size() == 2; }));
  EXPECT_EQ(reader->blocks()[1].data, R"({"reason":"beyond_head","requested":"aaaaaaaa-50","resumedAt":"aaaaaaaa-1"})");
  log.Add("a", "2");
  Feed();
  ASSERT_TRUE(Until(*reader, 1));
}

TEST_F(FanoutHubTest, ACursorAheadThatTheServerKnowsStaysAndIsServedByTheServer) {
  log.Fill(tail, 0);
  Spin();
  for (int i = 1; i <= 3; ++i) {
    log.Add("a", std::to_string(i));
  }
  const auto reader = OpenAndStart(Request({"a"}, After(log.At(2))));
  Advance(absl::Seconds(2));  // the tail still has nothing
  ASSERT_TRUE(Until(*reader, 1));
  log.Add("a", "4");
  Feed();
  ASSERT_TRUE(Until(*reader, 2));
  EXPECT_THAT(reader->data("t.Event"), ElementsAre("3", "4"));
}

TEST_F(FanoutHubTest, EarliestLastAndTimeComeFromHistoryAndGoOnLive) {
  for (int i = 1; i <= 6; ++i) {
    log.Add(i % 2 == 0 ? "a.even" : "a.odd", std::to_string(i));
  }
  log.page_events_max = 1;
  log.Fill(tail, 0);
  Spin();
  const auto earliest = OpenAndStart(Request({"a.*"}, From(Kind::kEarliest)));
  const auto last = OpenAndStart(Request({"a.*"}, From(Kind::kLast)));
  const auto time = OpenAndStart(Request({"a.*"}, From(Kind::kTime)));
  ASSERT_TRUE(Until(*earliest, 6) && Until(*last, 2) && Until(*time, 6));
  log.Add("a.even", "7");
  Feed();
  ASSERT_TRUE(Until(*earliest, 7) && Until(*last, 3) && Until(*time, 7));
  EXPECT_THAT(earliest->data("t.Event"), ElementsAre("1", "2", "3", "4", "5", "6", "7"));
  EXPECT_EQ(earliest->blocks()[0].id, "aaaaaaaa-0");
  EXPECT_THAT(last->data("t.Event"), ElementsAre("5", "6", "7"));
  EXPECT_EQ(last->blocks()[0].id, "aaaaaaaa-4");
}

TEST_F(FanoutHubTest, AnEmptyLogHasAFirstBlockToo) {
  log.Fill(tail, 0);
  Spin();
  const auto reader = OpenAndStart(Request({"a"}, From(Kind::kLast)));
  ASSERT_EQ(reader->blocks().size(), 1);
  EXPECT_EQ(reader->blocks()[0].id, "aaaaaaaa-0");
  log.Add("a", "1");
  Feed();
  ASSERT_TRUE(Until(*reader, 1));
}

TEST_F(FanoutHubTest, ReplayIsCutToWhatTheRouteAllows) {
  route->replay_max = absl::Minutes(5);
  log.Fill(tail, 0);
  Spin();
  const auto earliest = OpenAndStart(Request({"a"}, From(Kind::kEarliest)));
  const auto old = OpenAndStart(Request({"a"}, {Kind::kTime, {}, now - absl::Hours(1)}));
  const auto recent = OpenAndStart(Request({"a"}, {Kind::kTime, {}, now - absl::Minutes(1)}));
  ASSERT_EQ(log.requests().size(), 3);
  EXPECT_EQ(log.requests()[0].start.kind, Kind::kTime);
  EXPECT_EQ(log.requests()[0].start.time, now - absl::Minutes(5));
  EXPECT_EQ(log.requests()[1].start.time, now - absl::Minutes(5));
  EXPECT_EQ(log.requests()[2].start.time, now - absl::Minutes(1));
}

TEST_F(FanoutHubTest, WithoutATailStreamsOpenLiveOnAndStartWhenItIsReady) {
  const auto latest = Open(Request({"a"}));
  const auto earliest = Open(Request({"a"}, From(Kind::kEarliest)));
  const auto after = Open(Request({"a"}, After(log.At(1))));
  Advance(absl::Seconds(30));
  latest->Read();
  earliest->Read();
  after->Read();
  EXPECT_EQ(latest->blocks().size(), 0);
  EXPECT_EQ(latest->comments(), 2);
  EXPECT_EQ(earliest->comments(), 2);
  EXPECT_EQ(after->blocks().size(), 1);
  log.Add("a", "1");
  log.Add("a", "2");
  log.Fill(tail, 0);
  ASSERT_TRUE(Until(*earliest, 2) && Until(*after, 1));
  ASSERT_TRUE(Until(*latest, [&] { return latest->blocks().size() == 1; }));
  EXPECT_EQ(latest->blocks()[0].id, "aaaaaaaa-2");
  EXPECT_THAT(after->data("t.Event"), ElementsAre("2"));
}

TEST_F(FanoutHubTest, HistoryThatFailsIsAskedAgain) {
  log.Add("a", "1");
  log.Fill(tail, 1);
  Spin();
  log.FailWith(absl::UnavailableError("down"));
  const auto reader = OpenAndStart(Request({"a"}, After(log.At(0))));
  Spin();
  EXPECT_EQ(log.requests().size(), 1);
  log.FailWith(absl::OkStatus());
  Advance(absl::Milliseconds(900));
  EXPECT_EQ(log.requests().size(), 1);
  Advance(absl::Seconds(2));
  ASSERT_TRUE(Until(*reader, 1));
}

TEST_F(FanoutHubTest, AHopelessReadOfHistoryEndsTheStreamCleanly) {
  log.Add("a", "1");
  log.Fill(tail, 1);
  Spin();
  log.FailWith(absl::InvalidArgumentError("no"));
  const auto reader = OpenAndStart(Request({"a"}, After(log.At(0))));
  ASSERT_TRUE(Until(*reader, [&] { return reader->ended(); }));
  EXPECT_TRUE(reader->ended_cleanly());
}

TEST_F(FanoutHubTest, AReaderThatGoesDuringAReadOfHistoryIsForgotten) {
  log.Add("a", "1");
  log.Fill(tail, 1);
  Spin();
  log.Hold();
  auto reader = OpenAndStart(Request({"a"}, After(log.At(0))));
  reader->Close();
  ASSERT_TRUE(Until([&] { return hub.open_streams() == 0; }));
  log.Release();
  Spin();
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

TEST_F(FanoutHubTest, AGapOverTwoResetsNamesTheOtherEpoch) {
  log.Add("a", "1");
  log.Fill(tail, 0);
  Spin();
  const auto reader = OpenAndStart(Request({"a"}));
  log.Recreate("bbbbbbbb");
  tail.Reset(log.At(0), GapReason::kOtherEpoch);
  tail.Reset(log.At(5), GapReason::kExpired);
  ASSERT_TRUE(Until(*reader, [&] { return reader->blocks().size() == 2; }));
  EXPECT_THAT(reader->data("weir.gap"),
              ElementsAre(R"({"reason":"other_epoch","requested":"aaaaaaaa-1","resumedAt":"bbbbbbbb-5"})"));
}

class UpstreamEventTest : public FanoutHubTest {
 protected:
  UpstreamEventTest() {
    route->upstream_event = "weir.upstream";
    log.Fill(tail, 0);
    SetUpstream(true);
  }
  void SetUpstream(bool connected) {
    now += absl::Seconds(1);
    tail.SetUpstream(connected, now);
    Spin();
  }
  static std::string Data(const char* state, const char* since) {
    return std::string(R"({"state":")") + state + R"(","since":"2023-11-14T22:13:)" + since + R"(.000Z"})";
  }
};

TEST_F(UpstreamEventTest, TellsOpenStreamsThatTheServerWentAndCame) {
  const auto reader = OpenAndStart(Request({"a"}));
  SetUpstream(false);
  SetUpstream(false);
  SetUpstream(true);
  log.Add("a", "1");
  Feed();
  ASSERT_TRUE(Until(*reader, 1));
  EXPECT_THAT(reader->data("weir.upstream"), ElementsAre(Data("disconnected", "22"), Data("connected", "24")));
  EXPECT_EQ(reader->body().find("weir.upstream\nid:"), std::string::npos);
  EXPECT_EQ(reader->blocks().back().event, "t.Event");
}

TEST_F(UpstreamEventTest, TellsAStreamThatOpensMeanwhileAfterItsFirstBlock) {
  SetUpstream(false);
  const auto latest = OpenAndStart(Request({"a"}));
  const auto resumed = OpenAndStart(Request({"a"}, After(log.At(0))));
  const auto earliest = OpenAndStart(Request({"a"}, From(Kind::kEarliest)));
  for (const auto* reader : {&latest, &resumed, &earliest}) {
    ASSERT_GE((*reader)->blocks().size(), 2);
    EXPECT_EQ((*reader)->blocks()[0].event, "weir.connected");
    EXPECT_EQ((*reader)->blocks()[1].event, "weir.upstream");
    EXPECT_EQ((*reader)->blocks()[1].id, "");
    EXPECT_EQ((*reader)->blocks()[1].data, Data("disconnected", "22"));
  }
}

TEST_F(UpstreamEventTest, SaysNothingToAStreamThatOpensWhileAllIsWellNorOnOtherRoutes) {
  const auto reader = OpenAndStart(Request({"a"}));
  route = std::make_shared<Route>(*route);
  route->upstream_event.clear();
  const auto other = OpenAndStart(Request({"a"}));
  SetUpstream(false);
  Until(*reader, [&] { return reader->blocks().size() == 2; });
  other->Read();
  EXPECT_EQ(reader->blocks().size(), 2);
  EXPECT_EQ(other->blocks().size(), 1);
}

TEST_F(UpstreamEventTest, TellsTheParkedToo) {
  const auto reader = OpenAndStart(Request({"a"}, After(log.At(4))));
  SetUpstream(false);
  ASSERT_TRUE(Until(*reader, [&] { return reader->blocks().size() == 2; }));
  EXPECT_EQ(reader->blocks()[1].event, "weir.upstream");
}

TEST_F(UpstreamEventTest, AReaderWithBytesOnTheirWayIsToldAfterThem) {
  const auto reader = Open(Request({"a"}), 4096);
  Until(*reader, [&] { return !reader->blocks().empty(); });
  const std::string large(2 * 1024 * 1024, 'x');
  log.Add("a", large);
  Feed();
  ASSERT_EQ(hub.counters().lagging.get(), 1);
  SetUpstream(false);
  ASSERT_TRUE(
      Until(*reader, [&] { return reader->raw().size() > large.size() && !reader->data("weir.upstream").empty(); }));
  EXPECT_EQ(reader->blocks()[1].data.size(), large.size());
  EXPECT_EQ(reader->blocks()[2].event, "weir.upstream");
}

// Nobody waits for a hub that looks after very many at once.
TEST_F(FanoutHubTest, BringsManyParkedStreamsOnAFewAtATime) {
  constexpr size_t kStreams = 300;
  log.Fill(tail, 0);
  Spin();
  for (int i = 1; i <= 6; ++i) {
    log.Add("a", std::to_string(i));
  }
  std::vector<std::unique_ptr<TestReader>> readers;
  for (size_t i = 0; i < kStreams; ++i) {
    readers.push_back(Open(Request({"a"}, After(log.At(4)))));
  }
  Spin();
  ASSERT_EQ(hub.counters().parked.get(), kStreams);
  log.Feed(tail);
  uint64_t sent = 0;
  uint64_t most = 0;
  for (int i = 0; i < 10'000 && sent < 2 * kStreams; ++i) {
    hub.context().restart();
    hub.context().poll_one();
    const uint64_t total = hub.counters().messages_sent[tail.names().Number("t.Event")].get();
    most = std::max(most, total - sent);
    sent = total;
  }
  EXPECT_EQ(sent, 2 * kStreams);
  EXPECT_LE(most, 2 * 32);
  for (const auto& reader : readers) {
    ASSERT_TRUE(Until(*reader, 2));
    EXPECT_THAT(reader->data("t.Event"), ElementsAre("5", "6"));
  }
}

TEST_F(FanoutHubTest, AResetTailTellsEveryReaderOfAGap) {
  log.Add("a", "1");
  log.Fill(tail, 0);
  Spin();
  const auto one = OpenAndStart(Request({"a"}));
  const auto two = OpenAndStart(Request({"b"}));
  log.Recreate("bbbbbbbb");
  tail.Reset(log.At(0), GapReason::kOtherEpoch);
  log.Add("a", "new");
  Feed();
  ASSERT_TRUE(Until(*one, 1));
  EXPECT_THAT(one->data("weir.gap"),
              ElementsAre(R"({"reason":"other_epoch","requested":"aaaaaaaa-1","resumedAt":"bbbbbbbb-0"})"));
  EXPECT_EQ(one->blocks().back().id, "bbbbbbbb-1");
  ASSERT_TRUE(Until(*two, [&] { return two->blocks().size() == 2; }));
  EXPECT_THAT(two->data("weir.gap"), testing::SizeIs(1));
}

// A restored backup: the sequences that the readers have seen are given to other events.
TEST_F(FanoutHubTest, ALogThatWentBackIsAGapEvenWhenItHasCaughtUp) {
  log.Add("a", "1");
  log.Add("a", "2");
  log.Fill(tail, 0);
  Spin();
  const auto reader = OpenAndStart(Request({"a"}));
  log.Recreate("aaaaaaaa");
  tail.Reset(log.At(0), GapReason::kBeyondHead);
  for (const char* payload : {"new 1", "new 2", "new 3"}) {
    log.Add("a", payload);
  }
  Feed();
  ASSERT_TRUE(Until(*reader, [&] { return reader->raw().find("new 3") != std::string::npos; }));
  EXPECT_THAT(reader->data("weir.gap"),
              ElementsAre(R"({"reason":"beyond_head","requested":"aaaaaaaa-2","resumedAt":"aaaaaaaa-0"})"));
  EXPECT_THAT(reader->data("t.Event"), ElementsAre("new 1", "new 2", "new 3"));
}

TEST_F(FanoutHubTest, ALogThatWentBackIsAGapForAReaderOfHistoryToo) {
  for (const char* payload : {"1", "2", "3"}) {
    log.Add("a", payload);
  }
  log.Fill(tail, 3);
  Spin();
  log.page_events_max = 2;
  const auto reader = Open(Request({"a"}, After(log.At(0))));
  log.Hold();  // the page with the third event
  ASSERT_TRUE(Until(*reader, 2));
  log.Recreate("aaaaaaaa");
  tail.Reset(log.At(0), GapReason::kBeyondHead);
  for (const char* payload : {"new 1", "new 2", "new 3", "new 4"}) {
    log.Add("a", payload);
  }
  log.Feed(tail);
  log.Release();
  ASSERT_TRUE(Until(*reader, [&] { return reader->raw().find("new 4") != std::string::npos; }));
  EXPECT_THAT(reader->data("weir.gap"), testing::SizeIs(1));
  EXPECT_THAT(reader->data("t.Event"), testing::IsSupersetOf({"1", "2", "new 1", "new 2", "new 3", "new 4"}));
}

TEST_F(FanoutHubTest, WhatALogThatWentBackStillHasGoesOnWithoutAGap) {
  for (const char* payload : {"1", "2", "3"}) {
    log.Add("a", payload);
  }
  log.Fill(tail, 3);
  Spin();
  log.page_events_max = 1;
  const auto reader = Open(Request({"a"}, After(log.At(0))));
  log.Hold();
  ASSERT_TRUE(Until(*reader, 1));
  tail.Reset(log.At(2), GapReason::kBeyondHead);  // the third event is gone; the reader had only the first
  log.Release();
  ASSERT_TRUE(Until(*reader, 2));
  EXPECT_THAT(reader->data("weir.gap"), IsEmpty());
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
