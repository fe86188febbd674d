#include "server/retention.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "log/log_testing.h"
#include "log/memory_engine.h"
#include "server/testing.h"

namespace weir::server {
namespace {

TEST(Retention, RemovesWhatThePolicyNoLongerKeeps) {
  const log::TestClock clock;
  ScriptedLog log(log::MakeMemoryLog({.log = log::TestLogOptions(clock)}));
  ASSERT_TRUE(log.Append(log::Numbered("a", "e", 250).events()).ok());
  log::TestClock later = clock;
  later.Advance(absl::Hours(2));
  const Retention retention(log, {.policy = {.age_max = absl::Hours(1)}, .check_interval = absl::Milliseconds(1)});
  ASSERT_TRUE(log.AwaitTrims(2));
  EXPECT_EQ(log.bounds().earliest, 251u);
  EXPECT_EQ(log.bounds().head, 250u);
}

TEST(Retention, TrimsAgainAndAgainAndEndsAtOnce) {
  ScriptedLog log(log::MakeMemoryLog({}));
  {
    const Retention often(log, {.check_interval = absl::Milliseconds(1)});
    ASSERT_TRUE(log.AwaitTrims(5));
  }
  const Retention rarely(log, {.check_interval = absl::Hours(1)});
}

TEST(Retention, SaysOnceWhyItCannotTrim) {
  ScriptedLog log(log::MakeMemoryLog({}));
  log.FailTrims(absl::UnavailableError("one reason"));
  std::vector<std::string> said;
  {
    const Retention retention(log,
                              {.check_interval = absl::Milliseconds(1),
                               .on_error = [&](const absl::Status& status) { said.emplace_back(status.message()); }});
    ASSERT_TRUE(log.AwaitTrims(5));
    log.FailTrims(absl::UnavailableError("another"));
    ASSERT_TRUE(log.AwaitTrims(log.trims() + 5));
  }
  EXPECT_EQ(said, (std::vector<std::string>{"one reason", "another"}));
}

TEST(Retention, DoesNothingWhenEverythingIsKept) {
  ScriptedLog log(log::MakeMemoryLog({}));
  const Retention retention(log, {.policy = {}, .check_interval = absl::Milliseconds(1)});
  EXPECT_EQ(log.trims(), 0);
}

}  // namespace
}  // namespace weir::server
