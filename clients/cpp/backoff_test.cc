#include "clients/cpp/backoff.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace weir::client {
namespace {

TEST(Backoff, BoundDoublesUpToTheMaximum) {
  Backoff backoff(absl::Milliseconds(100), absl::Milliseconds(500), [] { return 1.0; });
  EXPECT_EQ(backoff.Next(), absl::Milliseconds(100));
  EXPECT_EQ(backoff.Next(), absl::Milliseconds(200));
  EXPECT_EQ(backoff.Next(), absl::Milliseconds(400));
  EXPECT_EQ(backoff.Next(), absl::Milliseconds(500));
  EXPECT_EQ(backoff.Next(), absl::Milliseconds(500));
}

TEST(Backoff, WaitsAnyTimeBelowTheBound) {
  double random = 0;
  Backoff backoff(absl::Milliseconds(100), absl::Seconds(10), [&random] { return random; });
  EXPECT_EQ(backoff.Next(), absl::ZeroDuration());
  random = 0.5;
  EXPECT_EQ(backoff.Next(), absl::Milliseconds(100));
}

// "Full jitter": evenly between nothing and min(max, min × 2^n), whatever n.
TEST(Backoff, SpreadsItsWaitsEvenlyOverTheWholeBound) {
  constexpr int kClients = 4000;
  for (int tries = 0; tries < 7; ++tries) {
    const absl::Duration bound = std::min(absl::Milliseconds(100) * (1 << tries), absl::Seconds(2));
    int quarters[4] = {};
    for (int client = 0; client < kClients; ++client) {
      std::mt19937 generator(static_cast<uint32_t>(client));
      Backoff backoff(absl::Milliseconds(100), absl::Seconds(2),
                      [&] { return std::uniform_real_distribution<double>(0, 1)(generator); });
      absl::Duration wait = backoff.Next();
      for (int i = 0; i < tries; ++i) {
        wait = backoff.Next();
      }
      ASSERT_GE(wait, absl::ZeroDuration());
      ASSERT_LT(wait, bound);
      ++quarters[static_cast<size_t>(absl::FDivDuration(wait, bound) * 4)];
    }
    for (const int count : quarters) {
      EXPECT_NEAR(count, kClients / 4, kClients / 20) << tries;
    }
  }
}

TEST(Backoff, BeginsAgainAfterASuccess) {
  Backoff backoff(absl::Milliseconds(100), absl::Seconds(10), [] { return 1.0; });
  backoff.Next();
  backoff.Next();
  backoff.Reset();
  EXPECT_EQ(backoff.Next(), absl::Milliseconds(100));
}

TEST(Backoff, AMinimumAboveTheMaximumIsTheMaximum) {
  Backoff backoff(absl::Seconds(5), absl::Seconds(1), [] { return 1.0; });
  EXPECT_EQ(backoff.Next(), absl::Seconds(1));
}

}  // namespace
}  // namespace weir::client
