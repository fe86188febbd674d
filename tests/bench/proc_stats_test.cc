#include "tests/bench/proc_stats.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <ctime>
#include <thread>

namespace weir::bench {
namespace {

double OwnSeconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

TEST(ProcStatsTest, CpuTimeIsThatOfAllThreadsAndFinerThanTicks) {
  for (int i = 0; i < 10; ++i) {
    std::thread([end = OwnSeconds() + 0.003] {
      while (OwnSeconds() < end) {
      }
    }).join();
    const double least = OwnSeconds();
    const CpuTime time = CpuTimeOf(getpid());
    EXPECT_GE(time.seconds, least);
    EXPECT_LE(time.seconds, OwnSeconds());
  }
}

TEST(ProcStatsTest, AProcessThatIsNotThereHasSpentNothing) {
  constexpr pid_t kAboveAll = 1 << 22;  // PID_MAX_LIMIT of Linux
  EXPECT_EQ(CpuTimeOf(kAboveAll).seconds, 0);
}

}  // namespace
}  // namespace weir::bench
