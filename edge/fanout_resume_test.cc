// Where a stream begins, and how it gets to the present: the tail, history, and what is announced in between.
#include <memory>

#include "edge/testing/hub_harness.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir::edge {
namespace {

using Kind = ReadStart::Kind;
using testing::ElementsAre;
using testing::IsEmpty;

class FanoutResumeTest : public testing::Test, public HubHarness {};

TEST_F(FanoutResumeTest, ResumesFromTheTailThenGoesLive) {
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

TEST_F(FanoutResumeTest, ResumesFromHistoryThenTheTailThenGoesLive) {
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

TEST_F(FanoutResumeTest, AnExpiredCursorGetsAGapThenWhatIsLeft) {
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

TEST_F(FanoutResumeTest, ACursorOfAnotherEpochGetsAGap) {
  log.Add("a", "1");
  log.Fill(tail, 0);
  Spin();
  const auto reader = OpenAndStart(Request({"a"}, After({*Epoch::Parse("zzzzzzzz"), 77})));
  ASSERT_TRUE(Until(*reader, 1));
  EXPECT_EQ(reader->blocks()[1].data, R"({"reason":"other_epoch","requested":"zzzzzzzz-77","resumedAt":"aaaaaaaa-0"})");
}

TEST_F(FanoutResumeTest, AMalformedCursorGetsAGapAndTheLatest) {
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

TEST_F(FanoutResumeTest, ACursorAheadOfTheTailWaitsForIt) {
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

TEST_F(FanoutResumeTest, OnlyTheServerCallsACursorBeyondTheHead) {
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

TEST_F(FanoutResumeTest, ACursorAheadThatTheServerKnowsStaysAndIsServedByTheServer) {
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

TEST_F(FanoutResumeTest, EarliestLastAndTimeComeFromHistoryAndGoOnLive) {
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

TEST_F(FanoutResumeTest, AnEmptyLogHasAFirstBlockToo) {
  log.Fill(tail, 0);
  Spin();
  const auto reader = OpenAndStart(Request({"a"}, From(Kind::kLast)));
  ASSERT_EQ(reader->blocks().size(), 1);
  EXPECT_EQ(reader->blocks()[0].id, "aaaaaaaa-0");
  log.Add("a", "1");
  Feed();
  ASSERT_TRUE(Until(*reader, 1));
}

TEST_F(FanoutResumeTest, ReplayIsCutToWhatTheRouteAllows) {
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

TEST_F(FanoutResumeTest, WithoutATailStreamsOpenLiveOnAndStartWhenItIsReady) {
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

TEST_F(FanoutResumeTest, HistoryThatFailsIsAskedAgain) {
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

TEST_F(FanoutResumeTest, AHopelessReadOfHistoryEndsTheStreamCleanly) {
  log.Add("a", "1");
  log.Fill(tail, 1);
  Spin();
  log.FailWith(absl::InvalidArgumentError("no"));
  const auto reader = OpenAndStart(Request({"a"}, After(log.At(0))));
  ASSERT_TRUE(Until(*reader, [&] { return reader->ended(); }));
  EXPECT_TRUE(reader->ended_cleanly());
}

TEST_F(FanoutResumeTest, AReaderThatGoesDuringAReadOfHistoryIsForgotten) {
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

}  // namespace
}  // namespace weir::edge
