#include "clients/cpp/publish_results.h"

#include <gtest/gtest.h>

#include <string>

#include "google/rpc/error_details.pb.h"
#include "weir/v1/event_bus.pb.h"

namespace weir::client {
namespace {

TEST(PublishResults, AreThoseOfTheMessage) {
  v1::PublishStreamResponse response;
  response.set_first_index(7);
  response.add_results()->mutable_ack()->set_cursor("testtest-1");
  google::rpc::ErrorInfo info;
  info.set_domain("weir");
  info.set_reason("TOPIC_INVALID");
  google::rpc::Status* error = response.add_results()->mutable_error();
  error->set_code(3);
  error->set_message("bad topic");
  error->add_details()->PackFrom(info);

  const std::string bytes = response.SerializeAsString();
  PublishResults results;
  ASSERT_TRUE(ReadPublishResults(bytes, results));
  EXPECT_EQ(results.first_index, 7U);
  ASSERT_EQ(results.results.size(), 2U);

  PublishOutcome outcome;
  SetOutcome(results.results[0], outcome);
  EXPECT_TRUE(outcome.status.ok());
  EXPECT_EQ(outcome.ack.cursor(), "testtest-1");
  SetOutcome(results.results[1], outcome);
  EXPECT_EQ(outcome.status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ErrorReason(outcome.status), "TOPIC_INVALID");
  EXPECT_EQ(outcome.ack.cursor(), "");
}

TEST(PublishResults, WhatIsNoneIsAnError) {
  PublishResults results;
  EXPECT_FALSE(ReadPublishResults("\xff", results));
  PublishOutcome outcome;
  for (const char* bytes : {"", "\x0a\x7f", "\x0a\x01\xff", "\x12\x00"}) {
    SetOutcome(bytes, outcome);
    EXPECT_EQ(outcome.status.code(), absl::StatusCode::kInternal);
  }
}

}  // namespace
}  // namespace weir::client
