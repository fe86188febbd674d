#include "tests/bench/report.h"

#include <gmock/gmock.h>

namespace weir::bench {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
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

TEST(ReportTest, FlatIsWhatNoLargerSizeMakesDearer) {
  EXPECT_DOUBLE_EQ(Flat({2, 3, 1}).measured, 1.5);
  EXPECT_THAT(ReportOf({.figure = "cost", .values = {}, .aim = Flat({2, 2.5, 1})}).Table(), HasSubstr("| met |"));
  EXPECT_THAT(ReportOf({.figure = "cost", .values = {}, .aim = Flat({2, 1, 2.6})}).Table(), HasSubstr("| **no** |"));
  EXPECT_DOUBLE_EQ(Flat({2, 1, 2}).measured, 2) << "also where the first size was dear";
  EXPECT_DOUBLE_EQ(Flat({1, 1.2, 1.44}).measured, 1.44) << "a little with each size is much in the end";
  EXPECT_DOUBLE_EQ(Flat({4, 2, 1}).measured, 0.5) << "what becomes cheaper has not grown";
}

constexpr char kDocument[] = "benchmarks.md";

std::vector<std::string> FaultsOf(const Report& report, const std::string& record) {
  return report.Compare({{"deliveries/s", "floor"}}, record, kDocument).faults;
}

TEST(CompareTest, MoreThanFifteenPercentWorseThanTheRecordIsAFault) {
  const std::string record = ReportOf(RatioRow(1.0, true)).Table();
  EXPECT_THAT(FaultsOf(ReportOf(RatioRow(0.85, true)), record), IsEmpty());
  EXPECT_THAT(FaultsOf(ReportOf(RatioRow(0.84, true)), record),
              ElementsAre("deliveries/s: 0.84 × floor, and 1.00 is recorded"));
  EXPECT_THAT(FaultsOf(ReportOf(RatioRow(1.15, false)), record), IsEmpty());
  EXPECT_THAT(FaultsOf(ReportOf(RatioRow(1.16, false)), record),
              ElementsAre("deliveries/s: 1.16 × floor, and 1.00 is recorded"));
}

TEST(CompareTest, WhatIsNotRecordedIsAFault) {
  const std::string fault = "benchmarks.md has no 'deliveries/s' × floor: run ./dev bench --write";
  const Report report = ReportOf(RatioRow(1.0, true));
  EXPECT_THAT(FaultsOf(report, ""), ElementsAre(fault));
  EXPECT_THAT(FaultsOf(report, "| another | 1.00 × floor |\n"), ElementsAre(fault));
  EXPECT_THAT(FaultsOf(report, "| deliveries/s | 1.00 × nchan |\n"), ElementsAre(fault));
}

TEST(CompareTest, WhatWasNotMeasuredIsAFault) {
  const std::string record = ReportOf(RatioRow(1.0, true)).Table();
  EXPECT_THAT(FaultsOf(Report(), record), ElementsAre("deliveries/s: no ratio × floor was measured"));
  Report without_ratio = ReportOf({.figure = "deliveries/s", .values = {{"weir", "1,000"}}});
  EXPECT_THAT(FaultsOf(without_ratio, record), ElementsAre("deliveries/s: no ratio × floor was measured"));
}

TEST(CompareTest, WhatAnotherLacksIsSkippedAndSaid) {
  Report report = ReportOf(RatioRow(1.0, true));
  report.Lacks("nchan", "it is not installed");
  const Comparison comparison = report.Compare({{"deliveries/s", "nchan"}}, "", kDocument);
  EXPECT_THAT(comparison.faults, IsEmpty());
  EXPECT_THAT(comparison.skipped, ElementsAre("deliveries/s: nchan has no figure: it is not installed"));
}

TEST(ReportTest, WhatOthersLackIsSaidOnceBelowTheTable) {
  Report report = ReportOf(RatioRow(0.95, true));
  report.Lacks("pushpin", "12 streams ended");
  report.Lacks("pushpin", "12 streams ended");
  EXPECT_THAT(report.Table(), EndsWith("| met |\n\npushpin has no figure: 12 streams ended.\n"));
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

TEST(TallyTest, CountsWhereWordsDiffer) {
  EXPECT_EQ(Tally({"machine", "machine", "machine"}), "machine");
  EXPECT_EQ(Tally({"machine", "target", "target"}), "target 2 of 3, machine 1 of 3");
  EXPECT_EQ(Tally({}), "");
}

}  // namespace
}  // namespace weir::bench
