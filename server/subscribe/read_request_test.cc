#include "server/subscribe/read_request.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "log/log_testing.h"
#include "log/memory_engine.h"
#include "server/testing.h"

namespace weir::server {
namespace {

TEST(GapAt, FollowsTheRules) {
  log::Bounds bounds;
  bounds.epoch = *Epoch::Parse("abcdefgh");
  bounds.earliest = 100;
  bounds.head = 200;
  const auto gap = [&bounds](std::string_view text) { return GapAt(*Cursor::Parse(text), bounds); };
  EXPECT_FALSE(gap("abcdefgh-99").has_value());
  EXPECT_FALSE(gap("abcdefgh-150").has_value());
  EXPECT_FALSE(gap("abcdefgh-200").has_value());
  ASSERT_TRUE(gap("abcdefgh-98").has_value());
  EXPECT_EQ(gap("abcdefgh-98")->reason(), v1::Gap::REASON_EXPIRED);
  EXPECT_EQ(gap("abcdefgh-98")->requested_cursor(), "abcdefgh-98");
  EXPECT_EQ(gap("abcdefgh-98")->resume_cursor(), "abcdefgh-99");
  EXPECT_EQ(gap("abcdefgh-201")->reason(), v1::Gap::REASON_BEYOND_HEAD);
  EXPECT_EQ(gap("abcdefgh-201")->resume_cursor(), "abcdefgh-200");
  EXPECT_EQ(gap("zbcdefgh-150")->reason(), v1::Gap::REASON_OTHER_EPOCH);
  EXPECT_EQ(gap("zbcdefgh-150")->resume_cursor(), "abcdefgh-99");
}

TEST(GapAt, IsAnErrorWithItsReason) {
  v1::Gap gap;
  gap.set_requested_cursor("abcdefgh-1");
  gap.set_resume_cursor("abcdefgh-9");
  const std::pair<v1::Gap::Reason, std::string> cases[] = {{v1::Gap::REASON_EXPIRED, "CURSOR_EXPIRED"},
                                                           {v1::Gap::REASON_OTHER_EPOCH, "CURSOR_OTHER_EPOCH"},
                                                           {v1::Gap::REASON_BEYOND_HEAD, "CURSOR_BEYOND_HEAD"}};
  for (const auto& [reason, name] : cases) {
    gap.set_reason(reason);
    const Fault fault = FaultOf(gap);
    EXPECT_EQ(NameOf(fault.reason), name);
    EXPECT_EQ(CodeOf(fault.reason), absl::StatusCode::kOutOfRange);
    EXPECT_EQ(fault.value, "abcdefgh-1");
    EXPECT_EQ(fault.limit, "abcdefgh-9");
  }
}

class ResolveStartTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 5; ++i) {
      ASSERT_TRUE(log_->Append(log::Numbered("a", "e" + std::to_string(i), 1).events()).ok());
      clock_.Advance(absl::Seconds(1));
    }
  }
  ReadPlan Resolve(const v1::Start& start, v1::Start::PositionCase unset = v1::Start::kLatest) {
    const FaultOr<ReadPlan> plan = ResolveStart(start, unset, *log_);
    EXPECT_TRUE(plan.ok());
    return plan.ok() ? *plan : ReadPlan();
  }
  std::string CursorAt(uint64_t sequence) const { return Cursor{log_->bounds().epoch, sequence}.ToString(); }

  log::TestClock clock_;
  const int64_t begin_ = clock_.millis();
  std::unique_ptr<log::LogEngine> log_ = log::MakeMemoryLog({.log = log::TestLogOptions(clock_)});
};

TEST_F(ResolveStartTest, UnsetMeansTheMethodsDefault) {
  EXPECT_EQ(Resolve(v1::Start(), v1::Start::kLatest).after, 5u);
  EXPECT_EQ(Resolve(v1::Start(), v1::Start::kEarliest).after, 0u);
}

TEST_F(ResolveStartTest, FindsEveryPlace) {
  v1::Start start;
  start.mutable_earliest();
  EXPECT_EQ(Resolve(start).after, 0u);
  start.mutable_latest();
  EXPECT_EQ(Resolve(start, v1::Start::kEarliest).after, 5u);
  start.set_after_cursor(CursorAt(3));
  EXPECT_EQ(Resolve(start).after, 3u);
  start.mutable_last_per_topic();
  EXPECT_TRUE(Resolve(start).last_per_topic);
  EXPECT_EQ(Resolve(start).head, 5u);
}

TEST_F(ResolveStartTest, AWordMayStandForACursor) {
  v1::Start start;
  start.set_after_cursor("earliest");
  EXPECT_EQ(Resolve(start).after, 0u);
  start.set_after_cursor("latest");
  EXPECT_EQ(Resolve(start, v1::Start::kEarliest).after, 5u);
}

TEST_F(ResolveStartTest, FromTimeIncludesWhatIsAtThatTime) {
  v1::Start start;
  start.mutable_from_time()->set_seconds(begin_ / 1000 + 2);
  EXPECT_EQ(Resolve(start).after, 2u);
  start.mutable_from_time()->set_nanos(1);
  EXPECT_EQ(Resolve(start).after, 3u);
  EXPECT_EQ(Resolve(start).not_before_millis, begin_ + 2001);
}

TEST_F(ResolveStartTest, FromTimeCountsWhatIsStoredMeanwhile) {
  ScriptedLog log(std::move(log_));
  log.BeforeTimeLookUp([&log] { EXPECT_TRUE(log.Append(log::Numbered("a", "late", 1).events()).ok()); });
  v1::Start start;
  start.mutable_from_time()->set_seconds(begin_ / 1000 + 3'600);
  const FaultOr<ReadPlan> plan = ResolveStart(start, v1::Start::kLatest, log);
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->after, 6u);
  EXPECT_EQ(plan->head, 6u);
}

TEST_F(ResolveStartTest, RefusesWhatIsNoCursorOrTime) {
  v1::Start start;
  for (const std::string cursor : {"", "junk", "abcdefgh-01", "abcdefgh-1\n"}) {
    start.set_after_cursor(cursor);
    const FaultOr<ReadPlan> plan = ResolveStart(start, v1::Start::kLatest, *log_);
    ASSERT_FALSE(plan.ok()) << cursor;
    EXPECT_EQ(NameOf(plan.fault().reason), "CURSOR_INVALID");
    EXPECT_EQ(plan.fault().field, "start.after_cursor");
  }
  start.mutable_from_time()->set_nanos(-1);
  const FaultOr<ReadPlan> plan = ResolveStart(start, v1::Start::kLatest, *log_);
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.fault().field, "start.from_time");
}

TEST_F(ResolveStartTest, GoesOnAfterAGap) {
  v1::Start start;
  start.set_after_cursor("zzzzzzzz-3");
  const ReadPlan plan = Resolve(start);
  ASSERT_TRUE(plan.gap.has_value());
  EXPECT_EQ(plan.gap->reason(), v1::Gap::REASON_OTHER_EPOCH);
  EXPECT_EQ(plan.after, 0u);
}

}  // namespace
}  // namespace weir::server
