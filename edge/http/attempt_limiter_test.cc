#include "edge/http/attempt_limiter.h"

#include <gtest/gtest.h>

namespace weir::edge {
namespace {

using std::chrono::seconds;

const AttemptLimiter::Instant kStart = AttemptLimiter::Instant() + std::chrono::hours(1);

TEST(AttemptLimiterTest, AllowsAMinutesWorthAtOnceAndThenTheRate) {
  AttemptLimiter limiter(6);
  for (int i = 0; i < 6; ++i) {
    EXPECT_TRUE(limiter.Allow(1, kStart)) << i;
  }
  EXPECT_FALSE(limiter.Allow(1, kStart));
  EXPECT_FALSE(limiter.Allow(1, kStart + seconds(9)));
  EXPECT_TRUE(limiter.Allow(1, kStart + seconds(10))) << "those that were refused do not count";
  EXPECT_FALSE(limiter.Allow(1, kStart + seconds(10)));
  for (int i = 0; i < 6; ++i) {
    EXPECT_TRUE(limiter.Allow(1, kStart + seconds(90))) << i;
  }
  EXPECT_FALSE(limiter.Allow(1, kStart + seconds(90)));
}

TEST(AttemptLimiterTest, CountsEachAddressByItself) {
  AttemptLimiter limiter(1);
  EXPECT_TRUE(limiter.Allow(1, kStart));
  EXPECT_TRUE(limiter.Allow(2, kStart));
  EXPECT_FALSE(limiter.Allow(1, kStart));
}

TEST(AttemptLimiterTest, WithoutARateAllowsAll) {
  AttemptLimiter limiter(0);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(limiter.Allow(1, kStart));
  }
  limiter.SetRate(1);
  EXPECT_TRUE(limiter.Allow(1, kStart));
  EXPECT_FALSE(limiter.Allow(1, kStart));
}

TEST(AttemptLimiterTest, TheSameRateOnceMoreChangesNothing) {
  AttemptLimiter limiter(1);
  EXPECT_TRUE(limiter.Allow(1, kStart));
  limiter.SetRate(1);
  EXPECT_FALSE(limiter.Allow(1, kStart));
  limiter.SetRate(2);
  EXPECT_TRUE(limiter.Allow(1, kStart));
}

TEST(AttemptLimiterTest, CountsTogetherForWhomThereIsNoRoomAndForgetsThoseThatMayAgain) {
  AttemptLimiter limiter(2);
  for (uint64_t address = 0; address < AttemptLimiter::kAddressesMax; ++address) {
    ASSERT_TRUE(limiter.Allow(address, kStart));
  }
  const uint64_t more = AttemptLimiter::kAddressesMax;
  EXPECT_TRUE(limiter.Allow(more, kStart));
  EXPECT_TRUE(limiter.Allow(more + 1, kStart));
  EXPECT_FALSE(limiter.Allow(more + 2, kStart)) << "they share what one may";
  EXPECT_FALSE(limiter.Allow(more, kStart));
  EXPECT_TRUE(limiter.Allow(0, kStart)) << "those that are known do not share it";
  const AttemptLimiter::Instant later = kStart + seconds(60);
  EXPECT_TRUE(limiter.Allow(more, later));
  EXPECT_TRUE(limiter.Allow(more, later));
  EXPECT_FALSE(limiter.Allow(more, later));
  EXPECT_TRUE(limiter.Allow(more + 1, later)) << "there is room again";
}

}  // namespace
}  // namespace weir::edge
