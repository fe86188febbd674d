// The robustness suite in short: one run of each kind, and the proof that its checker would find the bugs that it looks
// for in what really happened. `./dev chaos` runs it at length.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
    options.dir = dir_.path();
    options.only = std::move(only);
    options.server_resident_bytes_max *= kMemoryFactor;
    options.edge_resident_bytes_max *= kMemoryFactor;
    RunResult result = RunOnce(options);
    fmt::print("{}\n", Summary(result));
    return result;
  }

  static void ExpectGood(const RunResult& result) {
    for (const Violation& violation : result.violations) {
      ADD_FAILURE() << "seed " << result.history.seed << ", " << violation.property << ": " << violation.what;
    }
    EXPECT_GT(result.history.log.size(), 100u);
  }

  testing::TempDir dir_;
};

TEST_F(ChaosTest, HoldsWhatIsPromisedUnderFaults) { ExpectGood(RunOf(RunOptions::Kind::kPlain, 101)); }

TEST_F(ChaosTest, HoldsWhatIsPromisedWhileRetentionRacesReaders) { ExpectGood(RunOf(RunOptions::Kind::kTrims, 102)); }

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
