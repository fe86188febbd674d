#include "server/rpc/error.h"

#include <gtest/gtest.h>

#include <string>

#include "google/rpc/error_details.pb.h"

namespace weir::server {
namespace {

TEST(Fault, EveryReasonHasACanonicalCode) {
  for (int number = 1; number <= v1::ErrorReason_MAX; ++number) {
    if (v1::ErrorReason_IsValid(number)) {
      EXPECT_NE(CodeOf(static_cast<v1::ErrorReason>(number)), absl::StatusCode::kInternal) << number;
    }
  }
}

TEST(Fault, IsWrittenAsErrorInfoWithEscapedValue) {
  const google::rpc::Status status = ToRpcStatus({.reason = v1::ERROR_REASON_TOPIC_INVALID,
                                                  .message = "bad",
                                                  .field = "topic",
                                                  .value = "a\nb" + std::string(500, 'x'),
                                                  .limit = "256"});
  EXPECT_EQ(status.code(), 3);
  EXPECT_EQ(status.message(), "bad");
  ASSERT_EQ(status.details_size(), 1);
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(status.details(0).UnpackTo(&info));
  EXPECT_EQ(info.domain(), "weir");
  EXPECT_EQ(info.reason(), "TOPIC_INVALID");
  EXPECT_EQ(info.metadata().at("field"), "topic");
  EXPECT_EQ(info.metadata().at("limit"), "256");
  EXPECT_EQ(info.metadata().at("value").substr(0, 5), "a\\nbx");
  EXPECT_LT(info.metadata().at("value").size(), 100u);
}

TEST(Fault, LeavesOutWhatItDoesNotKnow) {
  const google::rpc::Status status = ToRpcStatus({.reason = v1::ERROR_REASON_DRAINING, .message = "bye"});
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(status.details(0).UnpackTo(&info));
  EXPECT_TRUE(info.metadata().empty());
  EXPECT_EQ(status.code(), 14);
}

TEST(Fault, CarriesRetryInfo) {
  const google::rpc::Status status =
      ToRpcStatus({.reason = v1::ERROR_REASON_QUEUE_FULL, .message = "full", .retry_after = absl::Milliseconds(1250)});
  ASSERT_EQ(status.details_size(), 2);
  google::rpc::RetryInfo retry;
  ASSERT_TRUE(status.details(1).UnpackTo(&retry));
  EXPECT_EQ(retry.retry_delay().seconds(), 1);
  EXPECT_EQ(retry.retry_delay().nanos(), 250'000'000);
}

}  // namespace
}  // namespace weir::server
