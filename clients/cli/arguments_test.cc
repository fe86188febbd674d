#include "clients/cli/arguments.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::cli {
namespace {

TEST(Duration, ReadsDurations) {
  EXPECT_EQ(*ParseDuration("90s"), absl::Seconds(90));
  EXPECT_EQ(*ParseDuration("1h30m"), absl::Minutes(90));
  EXPECT_EQ(*ParseDuration("250ms"), absl::Milliseconds(250));
  EXPECT_EQ(*ParseDuration("7d"), absl::Hours(24 * 7));
  EXPECT_EQ(*ParseDuration("-1h"), -absl::Hours(1));
}

TEST(Duration, RefusesWhatIsNone) {
  for (const char* text : {"", "5", "m", "inf", "-inf", "5x", "1d2h", "d", " 5m"}) {
    EXPECT_EQ(ParseDuration(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(Since, ReadsDurationsAndTimes) {
  const absl::Time now = absl::FromUnixSeconds(1'000'000);
  EXPECT_EQ(*ParseSince("5m", now), now - absl::Minutes(5));
  EXPECT_EQ(*ParseSince("0s", now), now);
  EXPECT_EQ(*ParseSince("1970-01-02T00:00:00.5Z", now), absl::FromUnixMillis(86'400'500));
  EXPECT_EQ(*ParseSince("1970-01-01T01:00:00+01:00", now), absl::UnixEpoch());
}

TEST(Since, RefusesWhatIsNeither) {
  for (const char* text : {"", "-5m", "yesterday", "1970-01-01", "1970-01-01T00:00:00", "infinite-future"}) {
    EXPECT_EQ(ParseSince(text, absl::UnixEpoch()).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(KeyValue, SplitsAtTheFirstEqualsSign) {
  using Pair = std::pair<std::string, std::string>;
  EXPECT_EQ(*ParseKeyValue("a=b"), Pair("a", "b"));
  EXPECT_EQ(*ParseKeyValue("a="), Pair("a", ""));
  EXPECT_EQ(*ParseKeyValue("a=b=c"), Pair("a", "b=c"));
  for (const char* text : {"", "a", "=b"}) {
    EXPECT_EQ(ParseKeyValue(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace weir::cli
