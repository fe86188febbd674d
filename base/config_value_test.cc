#include "base/config_value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace weir {
namespace {

template <typename T>
T Resolved(std::string_view text) {
  const PlainScalar value = ResolvePlain(text);
  EXPECT_TRUE(std::holds_alternative<T>(value)) << text << " is alternative " << value.index();
  return std::holds_alternative<T>(value) ? std::get<T>(value) : T();
}

TEST(ResolvePlain, FollowsTheCoreSchema) {
  for (const char* null : {"", "~", "null", "Null", "NULL"}) {
    Resolved<PlainNull>(null);
  }
  EXPECT_TRUE(Resolved<bool>("true"));
  EXPECT_FALSE(Resolved<bool>("FALSE"));
  EXPECT_EQ(Resolved<int64_t>("0"), 0);
  EXPECT_EQ(Resolved<int64_t>("-17"), -17);
  EXPECT_EQ(Resolved<int64_t>("+17"), 17);
  EXPECT_EQ(Resolved<int64_t>("017"), 17);
  EXPECT_EQ(Resolved<int64_t>("0x1F"), 31);
  EXPECT_EQ(Resolved<int64_t>("0o17"), 15);
  EXPECT_EQ(Resolved<int64_t>("-9223372036854775808"), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(Resolved<uint64_t>("18446744073709551615"), std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(Resolved<double>("18446744073709551616"), 18446744073709551616.0);
  EXPECT_EQ(Resolved<double>("1.5"), 1.5);
  EXPECT_EQ(Resolved<double>("-.5e-1"), -0.05);
  EXPECT_EQ(Resolved<double>("1."), 1.0);
  EXPECT_EQ(Resolved<double>("-.inf"), -std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(Resolved<double>(".nan")));
}

TEST(ResolvePlain, TakesAllElseAsText) {
  for (const char* text : {"yes", "no",  "on",  "TrUe", "nil",   "-",     "+",   ".",   "e5",  "1e", "1.5.2",
                           "0x",  "0xG", "0o8", "-0x1", "1_000", "12:30", "30s", "inf", "nan", "--1"}) {
    Resolved<PlainText>(text);
  }
}

TEST(ParseDurationText, TakesNumbersWithUnits) {
  EXPECT_EQ(ParseDurationText("0s"), absl::ZeroDuration());
  EXPECT_EQ(ParseDurationText("500ms"), absl::Milliseconds(500));
  EXPECT_EQ(ParseDurationText("30s"), absl::Seconds(30));
  EXPECT_EQ(ParseDurationText("1.5s"), absl::Milliseconds(1500));
  EXPECT_EQ(ParseDurationText("5m"), absl::Minutes(5));
  EXPECT_EQ(ParseDurationText("1h30m"), absl::Minutes(90));
  EXPECT_EQ(ParseDurationText("168h"), absl::Hours(168));
}

TEST(ParseDurationText, RefusesAllElse) {
  for (const char* text : {"", "0", "30", "s", "-30s", "+30s", "30 s", "inf", "5us", "5ns", "7d", "30S", "1..5s",
                           "99999999999999999999h", "87660001h", "1s\n"}) {
    EXPECT_EQ(ParseDurationText(text), std::nullopt) << text;
  }
}

TEST(ParseBytesText, TakesWholeNumbersAndBinaryUnits) {
  EXPECT_EQ(ParseBytesText("0"), 0u);
  EXPECT_EQ(ParseBytesText("65536"), 65536u);
  EXPECT_EQ(ParseBytesText("64KiB"), 65536u);
  EXPECT_EQ(ParseBytesText("16MiB"), 16u << 20);
  EXPECT_EQ(ParseBytesText("2GiB"), uint64_t{2} << 30);
  EXPECT_EQ(ParseBytesText("16777215TiB"), uint64_t{16777215} << 40);
  EXPECT_EQ(ParseBytesText("18446744073709551615"), std::numeric_limits<uint64_t>::max());
}

TEST(ParseBytesText, RefusesAllElse) {
  for (const char* text : {"", "KiB", "64MB", "64kib", "64 KiB", "1.5MiB", "-1", "+1", "0x10", "16777216TiB",
                           "18446744073709551616", "64KiBs"}) {
    EXPECT_EQ(ParseBytesText(text), std::nullopt) << text;
  }
}

TEST(DidYouMean, FindsTheNearestName) {
  const std::vector<std::string> names = {"listen", "admin_listen", "log_level"};
  EXPECT_EQ(DidYouMean("lisen", names), "listen");
  EXPECT_EQ(DidYouMean("admin-listen", names), "admin_listen");
  EXPECT_EQ(DidYouMean("loglevel", names), "log_level");
  EXPECT_EQ(DidYouMean("shards", names), "");
  EXPECT_EQ(DidYouMean("", names), "");
}

}  // namespace
}  // namespace weir
