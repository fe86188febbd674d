#include "tests/bench/report.h"

#include <gmock/gmock.h>

namespace weir::bench {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Row RatioRow(double measured, bool at_least) {
  return {.figure = "deliveries/s",
          .values = {{"weir", "1,000"}, {"floor", "2,000"}},
          .aim = Aim{.measured = measured, .unit = "× floor", .must = 0.9, .reach = 1.0, .at_least = at_least}};
}

Report ReportOf(const Row& row) {
  Report report;
  report.Add(row);
  return report;
}

TEST(ReportTest, TableHasAColumnForEachTarget) {
  Report report = ReportOf(RatioRow(0.95, true));
  report.Add("memory", "122 B");
  EXPECT_EQ(report.Table(),
            "| figure | weir | floor | measured | must | reach for | |\n|---|---:|---:|---:|---:|---:|---|\n"
            "| deliveries/s | 1,000 | 2,000 | 0.95 × floor | ≥ 0.90 | ≥ 1.00 | met |\n"
            "| memory | 122 B |  | | | | |\n");
}

TEST(ReportTest, VerdictsFollowTheDirection) {
  EXPECT_THAT(ReportOf(RatioRow(1.2, true)).Table(), HasSubstr("| reached |"));
  EXPECT_THAT(ReportOf(RatioRow(1.2, false)).Table(), HasSubstr("| **no** |"));
  EXPECT_THAT(ReportOf(RatioRow(0.8, true)).Table(), HasSubstr("| **no** |"));
}

TEST(ReportTest, WorseThanTheRecordByMoreThanTheToleranceIsSaid) {
  const std::string record = ReportOf(RatioRow(1.0, true)).Table();
  EXPECT_THAT(ReportOf(RatioRow(0.86, true)).WorseThan(record), IsEmpty());
  EXPECT_THAT(ReportOf(RatioRow(0.84, true)).WorseThan(record),
              ElementsAre("deliveries/s: 0.84 × floor, and 1.00 is recorded"));
  EXPECT_THAT(ReportOf(RatioRow(1.17, false)).WorseThan(record), IsEmpty());
  EXPECT_THAT(ReportOf(RatioRow(1.18, false)).WorseThan(record), ElementsAre(HasSubstr("1.18")));
}

TEST(ReportTest, WhatIsNotRecordedIsNotWorse) {
  EXPECT_THAT(ReportOf(RatioRow(0.1, true)).WorseThan("| another | 1.00 × floor |\n"), IsEmpty());
}

TEST(SectionTest, ReplacesWhatIsBetweenTheMarks) {
  const std::string text = "a\n<!-- bench x -->\nold\n<!-- end -->\nb\n<!-- bench y -->\n<!-- end -->\n";
  EXPECT_EQ(*ReplaceSection(text, "x", "new\n"),
            "a\n<!-- bench x -->\n\nnew\n\n<!-- end -->\nb\n<!-- bench y -->\n<!-- end -->\n");
  EXPECT_EQ(*SectionOf(text, "x"), "old\n");
  EXPECT_FALSE(ReplaceSection(text, "z", "new\n").has_value());
}

TEST(ThousandsTest, GroupsDigits) {
  EXPECT_EQ(Thousands(1234567.25, 1), "1,234,567.2");
  EXPECT_EQ(Thousands(999, 0), "999");
  EXPECT_EQ(Thousands(0.5, 2), "0.50");
}

}  // namespace
}  // namespace weir::bench
