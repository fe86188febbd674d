// The robustness suite in short: one run of each kind, and the proof that its checker would find the bugs that it looks
// for in what really happened. `./dev chaos` runs it at length.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "tests/chaos/checker.h"
#include "tests/chaos/mutation.h"
#include "tests/chaos/run.h"
#include "tests/chaos/summary.h"
#include "tests/support/process.h"
#include "tests/support/sandbox.h"

namespace weir::chaos {
namespace {

using ::testing::Contains;
using ::testing::Field;

#if defined(__SANITIZE_ADDRESS__)
constexpr uint64_t kMemoryFactor = 4;  // the sanitizer's own
#else
constexpr uint64_t kMemoryFactor = 1;
#endif

class ChaosTest : public ::testing::Test {
 protected:
  RunResult RunOf(RunOptions::Kind kind, uint64_t seed, std::vector<std::string> only = {}) {
    RunOptions options;
    options.seed = seed;
    options.kind = kind;
    options.duration = absl::Seconds(8);
    options.dir = dir_.File(fmt::format("seed-{}", seed));
    std::filesystem::create_directory(options.dir);
    options.only = std::move(only);
    options.retained_bytes = 128 << 10;  // in a short run too, retention shall overtake some
    options.server_resident_bytes_max *= kMemoryFactor;
    options.edge_resident_bytes_max *= kMemoryFactor;
    RunResult result = RunOnce(options);
    fmt::print("{}\n", Summary(result));
    for (const auto& [name, why] : result.unavailable) {
      fmt::print("not inflicted here: {}: {}\n", name, why);
    }
    return result;
  }

  static void ExpectGood(const RunResult& result) {
    for (const Violation& violation : result.violations) {
      ADD_FAILURE() << "seed " << result.history.seed << ", " << violation.property << ": " << violation.what;
    }
    // Or it would hold over nothing.
    EXPECT_GT(result.history.log.size(), 100u);
    EXPECT_FALSE(result.faults.empty());
    EXPECT_GT(CountOf(result.history, Item::Kind::kEvent), 100u);
  }

  static size_t CountOf(const History& history, Item::Kind kind) {
    size_t count = 0;
    for (const Reader& reader : history.readers) {
      for (const ReaderConnection& connection : reader.connections) {
        count += static_cast<size_t>(std::count_if(connection.items.begin(), connection.items.end(),
                                                   [&](const Item& item) { return item.kind == kind; }));
      }
    }
    return count;
  }

  testing::TempDir dir_;
};

TEST_F(ChaosTest, HoldsWhatIsPromisedUnderFaults) { ExpectGood(RunOf(RunOptions::Kind::kPlain, 101)); }

TEST_F(ChaosTest, HoldsWhatIsPromisedWhileRetentionRacesReaders) {
  size_t gaps = 0;
  for (uint64_t seed = 102; seed < 107 && gaps == 0 && !HasFailure(); ++seed) {  // a slow machine publishes little
    const RunResult result = RunOf(RunOptions::Kind::kTrims, seed);
    ExpectGood(result);
    gaps = CountOf(result.history, Item::Kind::kGap);
  }
  EXPECT_GT(gaps, 0u) << "retention overtook nobody";
}

TEST_F(ChaosTest, FindsEverySeededBugInWhatReallyHappened) {
  RunResult result = RunOf(RunOptions::Kind::kRecreates, 103, {"recreate-log", "cut", "kill-edge"});
  ExpectGood(result);
  for (const Mutation& mutation : Mutations()) {
    History history = result.history;
    std::mt19937_64 random(result.history.seed);
    ASSERT_TRUE(mutation.apply(history, random)) << mutation.name;
    EXPECT_THAT(Check(history), Contains(Field(&Violation::property, mutation.property))) << mutation.name;
  }
}

TEST_F(ChaosTest, FindsOutThatTheServerForgetsToSync) {
  if (!testing::SandboxStatus().ok()) {
    GTEST_SKIP() << testing::SandboxStatus();
  }
  const RunResult result = RunOf(RunOptions::Kind::kPlain, 104, {"forget-sync"});
  EXPECT_THAT(result.violations, Contains(Field(&Violation::property, "durable")));
}

}  // namespace
}  // namespace weir::chaos
