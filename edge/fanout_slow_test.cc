#include <memory>

#include "edge/fanout_hub.h"
#include "edge/testing/hub_harness.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir::edge {
namespace {

using testing::IsEmpty;
using Strings = std::vector<std::string>;

class SlowReaderTest : public testing::Test, public HubHarness {
 protected:
  SlowReaderTest()
      : HubHarness({.bytes_max = 2 * 1024 * 1024, .presentations = 1},
                   {.send_buffer_bytes = 16 * 1024, .slow_reader_timeout = absl::Seconds(60)}) {
    log.Fill(tail, 0);
    Spin();
    fast = OpenAndStart(Request({"a"}));
    slow = Open(Request({"a"}), 4096);
    Spin();
  }

  // Adds events of 1 KB and lets only the fast reader read.
  void Pour(int events) {
    for (int i = 0; i < events; ++i) {
      log.Add("a", std::to_string(log.head() + 1) + std::string(1000, '.'));
      if (i % 10 == 9) {
        Feed();
        ASSERT_TRUE(Until(*fast, [&] { return hub.counters().lagging.get() <= 1; }));
      }
    }
  }

  void ExpectAll(TestReader& reader, uint64_t count) {
    const Strings data = reader.data("t.Event");
    ASSERT_EQ(data.size(), count);
    for (uint64_t i = 0; i < count; ++i) {
      ASSERT_EQ(data[i].substr(0, data[i].find('.')), std::to_string(i + 1));
    }
  }

  std::unique_ptr<TestReader> fast;
  std::unique_ptr<TestReader> slow;
};

TEST_F(SlowReaderTest, LagsAloneAndCatchesUpFromTheTail) {
  Pour(300);
  ASSERT_TRUE(Until(*fast, 300));
  EXPECT_EQ(hub.counters().lagging.get(), 1);
  slow->Read(100'000);
  Pour(100);
  ASSERT_TRUE(Until(*slow, 400));
  ExpectAll(*slow, 400);
  ExpectAll(*fast, 400);
  EXPECT_TRUE(Until([&] { return hub.counters().lagging.get() == 0; }));
  EXPECT_THAT(log.requests(), IsEmpty());
  log.Add("a", "401.");
  Feed();
  ASSERT_TRUE(Until(*slow, 401));
}

TEST_F(SlowReaderTest, FallsOutOfTheTailAndGoesOnFromHistory) {
  Pour(4000);
  EXPECT_GT(tail.state().covered_after, 1000);
  ASSERT_TRUE(Until(*slow, 4000));
  ExpectAll(*slow, 4000);
  ExpectAll(*fast, 4000);
  EXPECT_FALSE(log.requests().empty());
  EXPECT_EQ(hub.counters().gaps_sent.get(), 0);
}

TEST_F(SlowReaderTest, IsCutOffWhenItTakesNothingForTooLong) {
  Pour(200);
  Advance(absl::Seconds(59));
  EXPECT_EQ(hub.open_streams(), 2);
  Advance(absl::Seconds(2));
  EXPECT_EQ(hub.open_streams(), 1);
  EXPECT_EQ(hub.counters().closed[static_cast<size_t>(CloseReason::kSlow)].get(), 1);
}

TEST_F(SlowReaderTest, GetsTheGapOfAResetAfterItsOwnBytes) {
  Pour(200);
  log.Recreate("bbbbbbbb");
  tail.Reset(log.At(0), GapReason::kOtherEpoch);
  log.Add("a", "1.new");
  Feed();
  ASSERT_TRUE(Until(*slow, [&] { return !slow->data("t.Event").empty() && slow->data("t.Event").back() == "1.new"; }));
  const Strings gaps = slow->data("weir.gap");
  ASSERT_EQ(gaps.size(), 1);
  const std::vector<SseBlock> blocks = slow->blocks();
  const std::string given = blocks[blocks.size() - 3].id;  // the last event before the gap
  EXPECT_EQ(gaps[0], R"({"reason":"other_epoch","requested":")" + given + R"(","resumedAt":"bbbbbbbb-0"})");
}

// A reader that stops is behind long before the kernel's buffer is full: what cannot be sent yet stays in the tail.
TEST(StoppedReaderTest, LeavesMostOfItsSendBufferEmpty) {
  constexpr size_t kSendBufferBytes = 4 * 1024 * 1024;
  HubHarness harness({.bytes_max = 2 * kSendBufferBytes, .presentations = 1}, {.send_buffer_bytes = kSendBufferBytes});
  harness.log.Fill(harness.tail, 0);
  const std::unique_ptr<TestReader> stopped = harness.OpenAndStart(harness.Request({"a"}));
  size_t bytes = 0;
  while (harness.hub.counters().lagging.get() == 0 && bytes < kSendBufferBytes) {
    harness.log.Add("a", std::string(8000, '.'));
    harness.Feed();
    bytes += 8000;
  }
  EXPECT_LT(bytes, 320'000);  // where net.core.wmem_max is as it is by default, the whole buffer takes 456,000
}

}  // namespace
}  // namespace weir::edge
