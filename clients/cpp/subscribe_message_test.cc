#include "clients/cpp/subscribe_message.h"

#include <gtest/gtest.h>

#include <string>

#include "weir/v1/event_bus.pb.h"

namespace weir::client {
namespace {

TEST(SubscribeMessage, ABatchEndsAtItsLastEvent) {
  v1::SubscribeResponse response;
  response.mutable_batch()->add_events()->set_cursor("testtest-1");
  response.mutable_batch()->add_events()->set_cursor("testtest-7");
  const std::string bytes = response.SerializeAsString();
  const auto message = ReadSubscribeMessage(bytes);
  ASSERT_TRUE(message.ok());
  EXPECT_EQ(message->kind, SubscribeKind::kBatch);
  EXPECT_EQ(message->cursor, "testtest-7");
  EXPECT_EQ(message->body, response.batch().SerializeAsString());
  EXPECT_TRUE(message->schema_version.empty());
}

TEST(SubscribeMessage, AGapMovesToWhereReadingGoesOn) {
  v1::SubscribeResponse response;
  response.mutable_gap()->set_requested_cursor("testtest-1");
  response.mutable_gap()->set_resume_cursor("testtest-9");
  const std::string bytes = response.SerializeAsString();
  const auto message = ReadSubscribeMessage(bytes);
  ASSERT_TRUE(message.ok());
  EXPECT_EQ(message->kind, SubscribeKind::kGap);
  EXPECT_EQ(message->cursor, "testtest-9");
}

TEST(SubscribeMessage, StartedAndProgressCarryCursorAndSchema) {
  v1::SubscribeResponse response;
  response.mutable_started()->set_cursor("testtest-3");
  response.set_schema_version("v1");
  std::string bytes = response.SerializeAsString();
  auto message = ReadSubscribeMessage(bytes);
  ASSERT_TRUE(message.ok());
  EXPECT_EQ(message->kind, SubscribeKind::kStarted);
  EXPECT_EQ(message->cursor, "testtest-3");
  EXPECT_EQ(message->schema_version, "v1");

  response.mutable_progress()->set_cursor("testtest-4");
  bytes = response.SerializeAsString();
  message = ReadSubscribeMessage(bytes);
  ASSERT_TRUE(message.ok());
  EXPECT_EQ(message->kind, SubscribeKind::kProgress);
  EXPECT_EQ(message->cursor, "testtest-4");
}

TEST(SubscribeMessage, RefusesWhatIsNoMessage) {
  v1::SubscribeResponse without_cursor;
  without_cursor.mutable_batch()->add_events()->set_topic("a");
  v1::SubscribeResponse no_cursor;
  no_cursor.mutable_progress()->set_cursor("testtest");
  v1::SubscribeResponse empty_batch;
  empty_batch.mutable_batch();
  for (const std::string& bytes :
       {std::string(), std::string("\xff\xff"), std::string("\x12\x7f"), without_cursor.SerializeAsString(),
        no_cursor.SerializeAsString(), empty_batch.SerializeAsString()}) {
    EXPECT_EQ(ReadSubscribeMessage(bytes).status().code(), absl::StatusCode::kDataLoss);
  }
}

}  // namespace
}  // namespace weir::client
