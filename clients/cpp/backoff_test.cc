#include "clients/cpp/backoff.h"

#include <gtest/gtest.h>

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
