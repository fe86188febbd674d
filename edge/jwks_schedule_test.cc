#include "edge/jwks_schedule.h"

#include <gtest/gtest.h>

namespace weir::edge {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

TEST(JwksSchedule, IsDueAtOnceAndThenByTheAnswersAge) {
  JwksSchedule schedule;
  EXPECT_LE(schedule.next(), kNow);
  const std::pair<std::optional<absl::Duration>, absl::Duration> ages[] = {{std::nullopt, absl::Minutes(10)},
                                                                           {absl::ZeroDuration(), absl::Minutes(1)},
                                                                           {absl::Seconds(59), absl::Minutes(1)},
                                                                           {absl::Minutes(61), absl::Minutes(61)},
                                                                           {absl::Hours(24 * 365), absl::Hours(24)}};
  for (const auto& [said, kept] : ages) {
    schedule.Begin(kNow);
    schedule.Succeeded(kNow, said);
    EXPECT_EQ(schedule.next(), kNow + kept);
  }
}

TEST(JwksSchedule, TriesAgainEverMoreRarely) {
  JwksSchedule schedule;
  for (const int seconds : {5, 10, 20, 40, 80, 160, 300, 300, 300}) {
    schedule.Begin(kNow);
    schedule.Failed(kNow);
    EXPECT_EQ(schedule.next(), kNow + absl::Seconds(seconds));
  }
  schedule.Succeeded(kNow, std::nullopt);
  schedule.Failed(kNow);
  EXPECT_EQ(schedule.next(), kNow + absl::Seconds(5));
}

TEST(JwksSchedule, TokensCannotMakeItHammer) {
  JwksSchedule schedule;
  int attempts = 0;
  for (absl::Time now = kNow; now < kNow + absl::Minutes(10); now += absl::Milliseconds(10)) {
    schedule.Want(now);
    if (schedule.next() <= now) {
      ++attempts;
      schedule.Begin(now);
      attempts % 2 == 0 ? schedule.Succeeded(now, absl::Hours(1)) : schedule.Failed(now);
    }
  }
  EXPECT_EQ(attempts, 120) << "one in 5 s";
}

TEST(JwksSchedule, SaysWhetherItIsWorthToWait) {
  JwksSchedule schedule;
  EXPECT_TRUE(schedule.Want(kNow));
  schedule.Begin(kNow);
  EXPECT_TRUE(schedule.Want(kNow)) << "under way";
  schedule.Succeeded(kNow, absl::Hours(1));
  EXPECT_FALSE(schedule.Want(kNow + absl::Seconds(4)));
  EXPECT_TRUE(schedule.Want(kNow + absl::Seconds(5)));
  EXPECT_EQ(schedule.next(), kNow + absl::Seconds(5));
}

}  // namespace
}  // namespace weir::edge
