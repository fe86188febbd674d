#include "demo/feed/schedule.h"

#include <gtest/gtest.h>

namespace weir::demo {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'000);

TEST(Rate, ReadsRates) {
  EXPECT_EQ(*ParseRate("2/s"), absl::Milliseconds(500));
  EXPECT_EQ(*ParseRate("4"), absl::Milliseconds(250));
  EXPECT_EQ(*ParseRate("0.5/s"), absl::Seconds(2));
  EXPECT_EQ(*ParseRate("30/m"), absl::Seconds(2));
  EXPECT_EQ(*ParseRate("10000/s"), absl::Microseconds(100));
}

TEST(Rate, RefusesWhatIsNone) {
  for (const char* text : {"", "0/s", "-1/s", "2/h", "fast", "10001/s", "nan", "inf/s", "2/s/s", "0.0000001/s"}) {
    EXPECT_EQ(ParseRate(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(Schedule, ServesEachSourceAtItsRate) {
  Schedule schedule;
  const size_t fast = schedule.Add(kStart, absl::Seconds(1));
  const size_t slow = schedule.Add(kStart + absl::Milliseconds(1500), absl::Seconds(4));
  EXPECT_EQ(schedule.next(), fast);
  schedule.Served(fast, kStart);
  EXPECT_EQ(schedule.next_time(), kStart + absl::Seconds(1));
  schedule.Served(fast, kStart + absl::Seconds(1));
  EXPECT_EQ(schedule.next(), slow);
  schedule.Served(slow, kStart + absl::Milliseconds(1500));
  EXPECT_EQ(schedule.next(), fast);
  EXPECT_EQ(schedule.next_time(), kStart + absl::Seconds(2));
}

TEST(Schedule, IsSteadyThoughServedLate) {
  Schedule schedule;
  const size_t source = schedule.Add(kStart, absl::Seconds(1));
  schedule.Served(source, kStart + absl::Milliseconds(300));
  EXPECT_EQ(schedule.next_time(), kStart + absl::Seconds(1));
}

TEST(Schedule, DoesNotMakeUpForWhatWasMissed) {
  Schedule schedule;
  const size_t source = schedule.Add(kStart, absl::Seconds(1));
  const absl::Time late = kStart + absl::Seconds(60);
  schedule.Served(source, late);
  EXPECT_EQ(schedule.next_time(), late);
}

}  // namespace
}  // namespace weir::demo
