#include "base/logging.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/text.h"

namespace weir {
namespace {

TEST(Logging, WritesTimeLevelAndTextToStderr) {
  ASSERT_TRUE(SetUpLogging("").ok());
  testing::internal::CaptureStderr();
  spdlog::info("hello {}", 5);
  spdlog::debug("not shown");
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              testing::MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z "
                                    "info hello 5\n"));
}

TEST(Logging, KeepsAMessageOnOneLineWhateverIsInIt) {
  ASSERT_TRUE(SetUpLogging("").ok());
  testing::internal::CaptureStderr();
  spdlog::info("a {} z", "\r\n2026-01-31T12:00:00.000Z error b\x1b[2J\x7f\xc2\x9b \xc3\xa4 … \"c\" \\");
  const std::string written = testing::internal::GetCapturedStderr();
  EXPECT_EQ(written.substr(written.find("info")),
            "info a \\x0d\\n2026-01-31T12:00:00.000Z error b\\x1b[2J\\u007f\\u009b \xc3\xa4 … \"c\" \\ z\n");
}

TEST(Logging, ChangesItsLevel) {
  ASSERT_TRUE(SetUpLogging("error").ok());
  testing::internal::CaptureStderr();
  spdlog::warn("not shown");
  ASSERT_TRUE(SetLogLevel("warning").ok());
  spdlog::warn("shown");
  const std::string written = testing::internal::GetCapturedStderr();
  EXPECT_THAT(written, testing::HasSubstr("Z warning shown\n"));
  EXPECT_THAT(written, testing::Not(testing::HasSubstr("not shown")));
}

TEST(Logging, WarnsOfWhatIsNotOk) {
  ASSERT_TRUE(SetUpLogging("").ok());
  testing::internal::CaptureStderr();
  WarnUnlessOk(absl::OkStatus());
  WarnUnlessOk(absl::FailedPreconditionError("too open"));
  EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::MatchesRegex("[^\n]*Z warning too open\n"));
}

TEST(Logging, RefusesUnknownLevels) {
  for (const char* level : {"warn", "INFO", "off", "5"}) {
    EXPECT_EQ(SetUpLogging(level).code(), absl::StatusCode::kInvalidArgument) << level;
    EXPECT_EQ(SetLogLevel(level).code(), absl::StatusCode::kInvalidArgument) << level;
  }
  EXPECT_EQ(Message(ValidateLogLevel("")), "is \"\"; allowed is trace, debug, info, warning or error");
}

}  // namespace
}  // namespace weir
