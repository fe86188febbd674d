// What every log engine promises of retention.
#include <cstdint>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "log/log_engine_conformance.h"

namespace weir::log {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST_P(LogEngineConformance, TrimsByAge) {
  for (int hour = 0; hour < 10; ++hour) {
    AppendNumbered("a.b", fmt::format("h{}-", hour), 100);
    clock_.Advance(absl::Hours(1));
  }
  const uint64_t bytes = engine_->bounds().bytes;
  ASSERT_TRUE(engine_->Trim({.age_max = absl::Hours(24)}).ok());
  EXPECT_EQ(engine_->bounds().earliest, 1u);
  ASSERT_TRUE(engine_->Trim({.age_max = absl::Hours(4) + absl::Minutes(1)}).ok());
  EXPECT_EQ(engine_->bounds().earliest, 601u);
  EXPECT_EQ(engine_->bounds().head, 1'000u);
  EXPECT_LT(engine_->bounds().bytes, bytes / 2);
  EXPECT_EQ(SequencesOf(ReadAll(*engine_, {.after = 600}).value()), Range(601, 1'000));
}

TEST_P(LogEngineConformance, TrimsByBytesAndKeepsAtLeastThatMuch) {
  AppendNumbered("a.b", "x", 1'000);
  const uint64_t all = engine_->bounds().bytes;
  ASSERT_TRUE(engine_->Trim({.bytes_max = all}).ok());
  EXPECT_EQ(engine_->bounds().bytes, all);
  ASSERT_TRUE(engine_->Trim({.bytes_max = all / 2}).ok());
  EXPECT_GE(engine_->bounds().bytes, all / 2);
  EXPECT_LT(engine_->bounds().bytes, all / 2 + all / 8);
  EXPECT_GT(engine_->bounds().earliest, 300u);
}

TEST_P(LogEngineConformance, SaysWhereATrimWouldEndAndStopsWhereItIsTold) {
  for (int hour = 0; hour < 10; ++hour) {
    AppendNumbered("a.b", fmt::format("h{}-", hour), 100);
    clock_.Advance(absl::Hours(1));
  }
  EXPECT_EQ(engine_->TrimPoint({.age_max = absl::Hours(24)}), 1u);
  TrimPolicy policy{.age_max = absl::Hours(4) + absl::Minutes(1)};
  const uint64_t point = engine_->TrimPoint(policy);
  EXPECT_EQ(point, 601u);
  policy.keep_from = 250;
  ASSERT_TRUE(engine_->Trim(policy).ok());
  EXPECT_GT(engine_->bounds().earliest, 100u);
  EXPECT_LE(engine_->bounds().earliest, 250u);
  policy.keep_from = point;
  ASSERT_TRUE(engine_->Trim(policy).ok());
  EXPECT_EQ(engine_->bounds().earliest, point);
  policy.keep_from = UINT64_MAX;
  EXPECT_EQ(engine_->TrimPoint(policy), point) << "there is no more";
}

TEST_P(LogEngineConformance, TrimsEvenWhenNoSegmentIsFull) {
  options_.segment_events_max = 1'000'000;
  Reopen();
  for (int i = 0; i < 100; ++i) {
    Append({{.id = fmt::format("{}", i)}});
    clock_.Advance(absl::Minutes(10));
    ASSERT_TRUE(engine_->Trim({.age_max = absl::Hours(4)}).ok());
  }
  EXPECT_GE(engine_->bounds().earliest, 101u - 24 - 4);
  EXPECT_LE(engine_->bounds().earliest, 101u - 23);
}

TEST_P(LogEngineConformance, ReadingBelowTheEarliestIsOutOfRange) {
  AppendNumbered("a.b", "x", 200);
  clock_.Advance(absl::Hours(2));
  Append({{.id = "new"}});
  ASSERT_TRUE(engine_->Trim({.age_max = absl::Hours(1)}).ok());
  ASSERT_EQ(engine_->bounds().earliest, 201u);
  const Selection exact = Select({"a.b"});
  for (const Selection* selection : {static_cast<const Selection*>(nullptr), &exact}) {
    EXPECT_EQ(engine_->Read({.after = 0, .selection = selection}).status().code(), absl::StatusCode::kOutOfRange);
    EXPECT_EQ(engine_->Read({.after = 199, .selection = selection}).status().code(), absl::StatusCode::kOutOfRange);
    EXPECT_THAT(SequencesOf(engine_->Read({.after = 200, .selection = selection}).value()), ElementsAre(201));
    const Page down =
        engine_->Read({.after = UINT64_MAX, .until = 0, .selection = selection, .newest_first = true}).value();
    EXPECT_THAT(SequencesOf(down), ElementsAre(201));
    EXPECT_EQ(down.read_to, 0u);
    EXPECT_THAT(SequencesOf(engine_->ReadLastPerTopic({.selection = selection}).value()), ElementsAre(201));
  }
}

TEST_P(LogEngineConformance, ALogTrimmedEmptyKeepsCounting) {
  AppendNumbered("a.b", "x", 150);
  clock_.Advance(absl::Hours(2));
  ASSERT_TRUE(engine_->Trim({.age_max = absl::Hours(1)}).ok());
  const int64_t millis = clock_.millis();
  const auto expect_empty = [&] {
    const Bounds bounds = engine_->bounds();
    EXPECT_EQ(bounds.head, 150u);
    EXPECT_EQ(bounds.earliest, 151u);
    EXPECT_EQ(bounds.bytes, 0u);
    EXPECT_THAT(engine_->Read({.after = 150}).value().events, IsEmpty());
    EXPECT_THAT(engine_->ReadLastPerTopic({}).value().events, IsEmpty());
    EXPECT_EQ(engine_->Read({.after = 149}).status().code(), absl::StatusCode::kOutOfRange);
    EXPECT_EQ(engine_->SequenceBefore(absl::InfinitePast()).value(), 150u);
  };
  expect_empty();
  if (harness_->persists()) {
    Reopen();
    expect_empty();
    clock_.Advance(-absl::Hours(5));
    EXPECT_EQ(Append({{.id = "next"}})[0].publish_millis, millis - 7'200'000) << "not before the removed events";
  } else {
    Append({{.id = "next"}});
  }
  EXPECT_EQ(engine_->bounds().head, 151u);
  EXPECT_EQ(engine_->bounds().earliest, 151u);
  EXPECT_THAT(SequencesOf(engine_->Read({.after = 150}).value()), ElementsAre(151));
}

TEST_P(PersistentLogEngineConformance, StaysTrimmedWhenOpenedAgain) {
  AppendNumbered("a.b", "x", 500);
  const uint64_t bytes = engine_->bounds().bytes;
  ASSERT_TRUE(engine_->Trim({.bytes_max = bytes / 2}).ok());
  const Bounds before = engine_->bounds();
  ASSERT_GT(before.earliest, 100u);
  Reopen();
  EXPECT_EQ(engine_->bounds().earliest, before.earliest);
  EXPECT_EQ(engine_->bounds().bytes, before.bytes);
  const Selection exact = Select({"a.b"});
  EXPECT_EQ(SequencesOf(ReadAll(*engine_, {.after = before.earliest - 1, .selection = &exact}).value()),
            Range(before.earliest, 500));
}

}  // namespace
}  // namespace weir::log
