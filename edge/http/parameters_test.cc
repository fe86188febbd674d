#include "edge/http/parameters.h"

#include <gtest/gtest.h>

namespace weir::edge {
namespace {

using Kind = ReadStart::Kind;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

absl::StatusOr<Parameters> Read(std::string_view query, bool poll = false, const Route& route = {},
                                std::string_view last_event_id = "") {
  const auto target = ParseTarget("/x?" + std::string(query));
  EXPECT_TRUE(target.ok()) << query;
  return ReadParameters(target->query, last_event_id, route, poll, kNow);
}

TEST(ParametersTest, BeginsWhereTheRouteSays) {
  Route route;
  EXPECT_EQ(Read("", false, route)->start.kind, Kind::kLatest);
  route.start = Kind::kLast;
  EXPECT_EQ(Read("", false, route)->start.kind, Kind::kLast);
  EXPECT_EQ(Read("start=latest", false, route)->start.kind, Kind::kLatest);
}

TEST(ParametersTest, APollWithoutAPlaceAsksForTheCurrentCursor) {
  Route route;
  route.start = Kind::kEarliest;
  const auto parameters = Read("", true, route);
  EXPECT_EQ(parameters->start.kind, Kind::kLatest);
  EXPECT_FALSE(parameters->has_cursor);
  EXPECT_EQ(parameters->limit, 100U);
  EXPECT_EQ(parameters->wait, absl::ZeroDuration());
}

TEST(ParametersTest, ReadsEachKindOfStart) {
  EXPECT_EQ(Read("start=earliest")->start.kind, Kind::kEarliest);
  EXPECT_EQ(Read("start=last")->start.kind, Kind::kLast);
  for (const std::string_view time : {"2026-11-21T17:20:56Z", "2026-11-21T18:20:56.000%2B01:00"}) {
    const auto parameters = Read("start=" + std::string(time));
    ASSERT_TRUE(parameters.ok()) << time;
    EXPECT_EQ(parameters->start.kind, Kind::kTime);
    EXPECT_EQ(parameters->start.time, absl::FromUnixSeconds(1795281656));
  }
}

TEST(ParametersTest, AStartInTheFutureIsNow) {
  EXPECT_EQ(Read("start=2099-01-01T00:00:00Z")->start.kind, Kind::kLatest);
}

TEST(ParametersTest, MovesAStartUpToWhatTheRouteReplays) {
  Route route;
  route.replay_max = absl::Hours(1);
  for (const std::string_view query : {"start=earliest", "start=2001-01-01T00:00:00Z"}) {
    const auto parameters = Read(query, false, route);
    EXPECT_EQ(parameters->start.kind, Kind::kTime) << query;
    EXPECT_EQ(parameters->start.time, kNow - absl::Hours(1)) << query;
  }
  route.start = Kind::kEarliest;
  EXPECT_EQ(Read("", false, route)->start.time, kNow - absl::Hours(1));
  EXPECT_EQ(Read("last_event_id=abcdefgh-1", false, route)->start.kind, Kind::kAfter);
}

TEST(ParametersTest, RefusesABadStart) {
  for (const std::string_view bad :
       {"start=", "start=now", "start=LATEST", "start=0", "start=infinite-past", "start=2026-11-21",
        "start=2026-11-21T17:20:56", "start=2026-11-21T17:20:56+01:00", "start=2026-13-21T17:20:56Z",
        "start=latest&start=latest", "start=9999999999999999999999999999-01-01T00:00:00Z",
        "start=%202026-11-21T17:20:56Z"}) {
    EXPECT_EQ(Read(bad).status().code(), absl::StatusCode::kInvalidArgument) << bad;
    EXPECT_EQ(Read(bad, true).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
}

TEST(ParametersTest, ResumesByHeaderBeforeQueryBeforeStart) {
  const auto parameters = Read("last_event_id=abcdefgh-2&start=earliest", false, {}, "abcdefgh-7");
  EXPECT_TRUE(parameters->has_cursor);
  EXPECT_EQ(parameters->start.kind, Kind::kAfter);
  EXPECT_EQ(parameters->start.cursor.ToString(), "abcdefgh-7");
  EXPECT_EQ(Read("last_event_id=abcdefgh-2&start=earliest")->start.cursor.ToString(), "abcdefgh-2");
  EXPECT_EQ(Read("cursor=abcdefgh-3", true)->start.cursor.ToString(), "abcdefgh-3");
  EXPECT_FALSE(Read("last_event_id=")->has_cursor);
  EXPECT_FALSE(Read("cursor=abcdefgh-3")->has_cursor) << "only a poll knows it by that name";
}

TEST(ParametersTest, AMalformedCursorIsAGapOnAStreamAndAFaultOfAPoll) {
  for (const std::string_view bad : {"x", "abcdefgh", "abcdefgh-", "abcdefgh-01", "ABCDEFGH-1", "abcdefgh-1%20",
                                     "abcdefgh-99999999999999999999", "123"}) {
    const std::string query = "last_event_id=" + std::string(bad);
    EXPECT_EQ(Read(query)->start.kind, Kind::kMalformedCursor) << bad;
    EXPECT_TRUE(Read(query)->has_cursor) << bad;
    EXPECT_EQ(Read(query, true).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
  EXPECT_EQ(Read("", false, {}, "\xFF").value().start.kind, Kind::kMalformedCursor);
}

TEST(ParametersTest, AWordMayStandForACursor) {
  for (const bool poll : {false, true}) {
    EXPECT_EQ(Read("last_event_id=earliest", poll)->start.kind, Kind::kEarliest);
    EXPECT_EQ(Read("last_event_id=latest&start=earliest", poll)->start.kind, Kind::kLatest);
    EXPECT_EQ(Read("", poll, {}, "earliest")->start.kind, Kind::kEarliest);
    EXPECT_FALSE(Read("", poll, {}, "latest")->has_cursor) << "that reader has been nowhere";
  }
  EXPECT_EQ(Read("cursor=earliest", true)->start.kind, Kind::kEarliest);
  EXPECT_EQ(Read("last_event_id=last")->start.kind, Kind::kMalformedCursor);
}

TEST(ParametersTest, ReadsPaging) {
  EXPECT_EQ(Read("limit=1", true)->limit, 1U);
  EXPECT_EQ(Read("limit=1000", true)->limit, 1000U);
  EXPECT_EQ(Read("wait=30", true)->wait, absl::Seconds(30));
  EXPECT_EQ(Read("wait=60s", true)->wait, absl::Seconds(60));
  EXPECT_EQ(Read("wait=0", true)->wait, absl::ZeroDuration());
  EXPECT_EQ(Read("wait=1500ms", true)->wait, absl::Milliseconds(1500));
}

TEST(ParametersTest, RefusesBadPaging) {
  for (const std::string_view bad : {"limit=0",
                                     "limit=1001",
                                     "limit=",
                                     "limit=-1",
                                     "limit=1.5",
                                     "limit=99999",
                                     "limit=abc",
                                     "limit=1&limit=1",
                                     "limit=+1",
                                     "wait=61",
                                     "wait=61s",
                                     "wait=60001ms",
                                     "wait=-1",
                                     "wait=",
                                     "wait=s",
                                     "wait=1m",
                                     "wait=1.5",
                                     "wait=999999",
                                     "wait=1&wait=2",
                                     "cursor=abcdefgh-1&last_event_id=abcdefgh-1",
                                     "cursor=a&cursor=b",
                                     "last_event_id=abcdefgh-1&last_event_id=abcdefgh-1",
                                     "token=a&token=a"}) {
    EXPECT_EQ(Read(bad, true).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
}

TEST(ParametersTest, IgnoresPagingAndUnknownParametersOnAStream) { EXPECT_TRUE(Read("limit=0&wait=x&_=1&_=2").ok()); }

}  // namespace
}  // namespace weir::edge
