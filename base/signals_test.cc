#include "base/signals.h"

#include <gtest/gtest.h>
#include <sys/types.h>
#include <unistd.h>

#include <future>
#include <mutex>

#include "base/logging.h"

namespace weir {
namespace {

TEST(Signals, EndsOrderlyOnSigterm) {
  Signals signals;
  kill(getpid(), SIGTERM);
  signals.WaitForTermination();
}

TEST(Signals, EndsOrderlyOnSigint) {
  Signals signals;
  kill(getpid(), SIGINT);
  signals.WaitForTermination();
}

TEST(Signals, EndsOnRequest) {
  Signals signals;
  signals.RequestTermination();
  signals.WaitForTermination();
}

TEST(Signals, ReloadsOnSighup) {
  Signals signals;
  kill(getpid(), SIGHUP);
  EXPECT_TRUE(signals.WaitForReload());
  kill(getpid(), SIGHUP);
  EXPECT_TRUE(signals.WaitForReload());
  signals.RequestTermination();
  EXPECT_FALSE(signals.WaitForReload());
}

TEST(Signals, IgnoresSigpipe) {
  Signals signals;
  kill(getpid(), SIGPIPE);
}

TEST(SignalsDeathTest, EndsAtOnceOnTheSecond) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        ASSERT_TRUE(SetUpLogging("info").ok());
        Signals signals;
        kill(getpid(), SIGTERM);
        signals.WaitForTermination();
        kill(getpid(), SIGINT);
        while (true) {
          pause();
        }
      },
      testing::ExitedWithCode(1), "SIGINT again: ending at once");
}

}  // namespace
}  // namespace weir
