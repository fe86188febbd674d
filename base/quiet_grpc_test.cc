#include "base/quiet_grpc.h"

#include <gmock/gmock.h>
#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>
#include <gtest/gtest.h>

#include <string>

#include "base/logging.h"

namespace weir {
namespace {

TEST(QuietGrpc, WhatLibrariesReportIsALineForDebugging) {
  const std::string text(2'000, 'x');
  const auto written = [&text](const char* level) {
    EXPECT_TRUE(SetUpLogging(level).ok());
    testing::internal::CaptureStderr();
    gpr_log(GPR_ERROR, "%s", text.c_str());
    GOOGLE_LOG(ERROR) << text;
    return testing::internal::GetCapturedStderr();
  };
  gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);  // as gRPC does when it is first used
  QuietGrpc();
  EXPECT_EQ(written("info"), "");
  const std::string debug = written("debug");
  EXPECT_THAT(debug, testing::HasSubstr(" debug grpc: " + std::string(1'000, 'x') + "…\n"));
  EXPECT_THAT(debug, testing::HasSubstr(" debug protobuf: " + std::string(1'000, 'x') + "…\n"));
}

}  // namespace
}  // namespace weir
