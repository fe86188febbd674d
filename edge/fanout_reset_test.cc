// Streams over a tail that begins anew: what goes on, and what is a gap.
#include <algorithm>
#include <memory>

#include "edge/testing/hub_harness.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir::edge {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class FanoutResetTest : public testing::Test, public HubHarness {};

TEST_F(FanoutResetTest, AGapOverTwoResetsNamesTheOtherEpoch) {
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

// Nobody waits for a hub that looks after very many at once.
TEST_F(FanoutResetTest, BringsManyParkedStreamsOnAFewAtATime) {
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

TEST_F(FanoutResetTest, AResetTailTellsEveryReaderOfAGap) {
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
TEST_F(FanoutResetTest, ALogThatWentBackIsAGapEvenWhenItHasCaughtUp) {
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

TEST_F(FanoutResetTest, ALogThatWentBackIsAGapForAReaderOfHistoryToo) {
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

TEST_F(FanoutResetTest, WhatALogThatWentBackStillHasGoesOnWithoutAGap) {
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

}  // namespace
}  // namespace weir::edge
