// The modes against what docs/benchmarks.md records of them.
#include <gmock/gmock.h>

#include <limits>
#include <string>
#include <vector>

#include "tests/bench/mode.h"
#include "tests/bench/report.h"
#include "tests/support/process.h"

namespace weir::bench {
namespace {

using ::testing::IsEmpty;
using ::testing::Not;

std::vector<Mode> AllModes() {
  std::vector<Mode> modes = EdgeModes();
  for (Mode& mode : BusModes()) {
    modes.push_back(std::move(mode));
  }
  return modes;
}

TEST(ModesTest, WhatQuickMeasuresHasARatio) {
  for (const Mode& mode : AllModes()) {
    if (mode.quick) {
      EXPECT_THAT(mode.ratios, Not(IsEmpty())) << mode.name;
    }
  }
}

TEST(ModesTest, EveryRatioFindsItsRecord) {
  const std::string document = testing::ReadFile(WEIR_BENCH_DOCUMENT);
  for (const Mode& mode : AllModes()) {
    Report best;  // worse than no record
    for (const Ratio& ratio : mode.ratios) {
      best.Add(
          {.figure = ratio.figure,
           .values = {},
           .aim = Aim{.measured = std::numeric_limits<double>::infinity(), .unit = "× " + ratio.against, .must = 1}});
    }
    EXPECT_THAT(best.Compare(mode.ratios, SectionOf(document, mode.name).value_or(""), "benchmarks.md").faults,
                IsEmpty());
  }
}

}  // namespace
}  // namespace weir::bench
