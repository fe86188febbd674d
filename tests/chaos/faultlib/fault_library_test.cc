#include "tests/chaos/faultlib/fault_library.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>
#include <map>
#include <sstream>
#include <string>

#include "absl/time/clock.h"
#include "tests/support/process.h"

namespace weir::chaos {
namespace {

using ::testing::AllOf;
using testing::CommandResult;
using ::testing::Ge;
using ::testing::Le;

class FaultLibraryTest : public ::testing::Test {
 protected:
  // What a process under the library sees: `fsync` → 0 or an errno, `clock absl` → seconds, `wait absl` → milliseconds.
  std::map<std::string, int64_t> Probe() {
    const CommandResult result = testing::RunCommand({testing::BinaryPath("weir-fault-probe"), dir_.File("probed")}, "",
                                                     testing::kPatience, library_.environment());
    EXPECT_EQ(result.exit_code, 0) << result.err;
    std::map<std::string, int64_t> said;
    std::istringstream lines(result.out);
    for (std::string line; std::getline(lines, line);) {
      const size_t space = line.rfind(' ');
      said[line.substr(0, space)] = std::atoll(line.c_str() + space);
    }
    EXPECT_EQ(said.size(), 15u) << result.out;
    return said;
  }

  static constexpr const char* kSyncs[] = {"fsync", "fdatasync", "sync_file_range", "msync"};
  static constexpr const char* kWrites[] = {"write", "pwrite", "writev", "fallocate"};
  static constexpr const char* kClocks[] = {"gettimeofday", "time", "chrono", "absl"};

  testing::TempDir dir_;
  FaultLibrary library_{dir_.File("board")};
  Board& board_ = library_.board();
};

TEST_F(FaultLibraryTest, DoesNothingUnasked) {
  std::map<std::string, int64_t> said = Probe();
  for (const char* call : kSyncs) {
    EXPECT_EQ(said[call], 0) << call;
  }
  for (const char* call : kWrites) {
    EXPECT_EQ(said[call], 0) << call;
  }
  EXPECT_EQ(said["renameat2"], 0);
  EXPECT_EQ(board_.syncs, 4u);
  EXPECT_EQ(board_.writes, 4u);
  EXPECT_GE(board_.clock_reads, 4u);
  EXPECT_EQ(
      board_.syncs_delayed + board_.syncs_failed + board_.syncs_ignored + board_.writes_failed + board_.renames_failed,
      0u);
}

TEST_F(FaultLibraryTest, FailsSyncsSoManyTimesOrUntilItIsCleared) {
  board_.syncs_to_fail = 2;
  std::map<std::string, int64_t> said = Probe();
  EXPECT_EQ(said["fsync"], EIO);
  EXPECT_EQ(said["fdatasync"], EIO);
  EXPECT_EQ(said["sync_file_range"], 0);
  EXPECT_EQ(board_.syncs_to_fail, 0);
  EXPECT_EQ(board_.syncs_failed, 2u);

  board_.syncs_to_spare = 1;
  board_.syncs_to_fail = 1;
  said = Probe();
  EXPECT_EQ(said["fsync"], 0);
  EXPECT_EQ(said["fdatasync"], EIO);
  EXPECT_EQ(said["sync_file_range"], 0);

  board_.syncs_to_fail = -1;
  said = Probe();
  for (const char* call : kSyncs) {
    EXPECT_EQ(said[call], EIO) << call;
  }
  board_.syncs_to_fail = 0;
  said = Probe();
  for (const char* call : kSyncs) {
    EXPECT_EQ(said[call], 0) << call;
  }
}

TEST_F(FaultLibraryTest, DelaysSyncs) {
  board_.sync_delay_millis = 30;
  const absl::Time start = absl::Now();
  Probe();
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(4 * 30));
  EXPECT_EQ(board_.syncs_delayed, 4u);
}

TEST_F(FaultLibraryTest, IgnoresSyncs) {
  board_.ignore_syncs = true;
  std::map<std::string, int64_t> said = Probe();
  for (const char* call : kSyncs) {
    EXPECT_EQ(said[call], 0) << call;
  }
  EXPECT_EQ(board_.syncs_ignored, 4u);
}

TEST_F(FaultLibraryTest, LeavesNoSpaceForFiles) {
  board_.no_space = true;
  std::map<std::string, int64_t> said = Probe();  // what it prints goes to a pipe
  for (const char* call : kWrites) {
    EXPECT_EQ(said[call], ENOSPC) << call;
  }
  EXPECT_EQ(board_.writes_failed, 4u);
}

TEST_F(FaultLibraryTest, RefusesTheFlagsOfARename) {
  board_.rename_flags_errno = EINVAL;
  EXPECT_EQ(Probe()["renameat2"], EINVAL);
  EXPECT_EQ(board_.renames_failed, 1u);
}

TEST_F(FaultLibraryTest, ShiftsEveryWallClockAndNoWait) {
  for (const absl::Duration offset : {absl::Hours(24), absl::Hours(-24)}) {
    board_.clock_offset_millis = absl::ToInt64Milliseconds(offset);
    const int64_t before = absl::ToUnixSeconds(absl::Now() + offset);
    std::map<std::string, int64_t> said = Probe();
    const int64_t after = absl::ToUnixSeconds(absl::Now() + offset);
    for (const std::string clock : kClocks) {
      // A coarse clock and Abseil's own arithmetic may lag a little.
      EXPECT_THAT(said["clock " + clock], AllOf(Ge(before - 1), Le(after + 1))) << clock;
    }
    EXPECT_THAT(said["wait chrono"], AllOf(Ge(50), Le(20'000)));
    EXPECT_THAT(said["wait absl"], AllOf(Ge(49), Le(20'000)));
  }
}

}  // namespace
}  // namespace weir::chaos
