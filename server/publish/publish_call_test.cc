#include "server/publish/publish_call.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "server/server_testing.h"

namespace weir::server {
namespace {

using PublishTest = ServerTest;

TEST_F(PublishTest, PublishAnswersWhereEventsLie) {
  const v1::PublishResponse response = Publish({NoteEvent("a.b", "one", "id-1"), NoteEvent("a.b", "two")});
  ASSERT_TRUE(status_.ok()) << status_.error_message();
  ASSERT_EQ(response.results_size(), 2);
  const v1::PublishAck& ack = response.results(0).ack();
  EXPECT_EQ(ack.cursor(), CursorAt(1));
  EXPECT_EQ(ack.sequence(), 1u);
  EXPECT_EQ(ack.id(), "id-1");
  EXPECT_EQ(ack.publish_time().seconds(), log_clock_.millis() / 1000);
  EXPECT_FALSE(ack.duplicate());
  EXPECT_EQ(response.results(1).ack().id().size(), 36u);
  EXPECT_EQ(response.results(1).ack().sequence(), 2u);
}

TEST_F(PublishTest, PublishJudgesEventsOneByOne) {
  const v1::PublishResponse response =
      Publish({NoteEvent("a", "one"), NoteEvent("bad..topic", "two"), NoteEvent("a", "three")});
  ASSERT_TRUE(status_.ok());
  ASSERT_EQ(response.results_size(), 3);
  EXPECT_EQ(response.results(0).ack().sequence(), 1u);
  EXPECT_EQ(response.results(1).error().code(), 3);
  EXPECT_EQ(ReasonOf(response.results(1).error()), "TOPIC_INVALID");
  EXPECT_EQ(MetadataOf(response.results(1).error(), "field"), "topic");
  EXPECT_EQ(MetadataOf(response.results(1).error(), "value"), "bad..topic");
  EXPECT_EQ(response.results(2).ack().sequence(), 2u);
}

TEST_F(PublishTest, ARetryIsStoredOnce) {
  Publish({NoteEvent("a", "one", "id")});
  const v1::PublishResponse again = Publish({NoteEvent("a", "one", "id"), NoteEvent("a", "other", "id")});
  ASSERT_EQ(again.results_size(), 2);
  EXPECT_TRUE(again.results(0).ack().duplicate());
  EXPECT_EQ(again.results(0).ack().sequence(), 1u);
  EXPECT_EQ(again.results(1).error().code(), 6);
  EXPECT_EQ(ReasonOf(again.results(1).error()), "EVENT_ID_REUSED");
  EXPECT_EQ(log_->bounds().head, 1u);
}

TEST_F(PublishTest, ValidateOnlyStoresNothing) {
  const v1::PublishResponse response = Publish({NoteEvent("a", "one", "id"), NoteEvent("..", "x")}, true);
  ASSERT_TRUE(status_.ok());
  ASSERT_EQ(response.results_size(), 2);
  EXPECT_EQ(response.results(0).ack().id(), "id");
  EXPECT_EQ(response.results(0).ack().cursor(), "");
  EXPECT_EQ(response.results(0).ack().sequence(), 0u);
  EXPECT_FALSE(response.results(0).ack().has_publish_time());
  EXPECT_TRUE(response.results(1).has_error());
  EXPECT_EQ(log_->bounds().head, 0u);
}

TEST_F(PublishTest, PublishRefusesBadBatchesAsAWhole) {
  Publish({});
  EXPECT_EQ(status_.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonOf(Details(status_)), "FIELD_INVALID");
  EXPECT_EQ(MetadataOf(Details(status_), "field"), "events");

  Publish(std::vector<v1::Event>(1001, NoteEvent("a", "x")));
  EXPECT_EQ(status_.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonOf(Details(status_)), "BATCH_TOO_LARGE");
  EXPECT_EQ(MetadataOf(Details(status_), "value"), "1001");

  v1::Event large = NoteEvent("a", "x");
  large.mutable_payload()->set_value(std::string(800'000, 'x'));
  Publish({large, large, large, large});
  EXPECT_EQ(ReasonOf(Details(status_)), "BATCH_TOO_LARGE");

  EXPECT_EQ(Publish(std::vector<v1::Event>(1000, NoteEvent("a", "x"))).results_size(), 1000);
  EXPECT_TRUE(status_.ok());
}

TEST_F(PublishTest, PublishSaysWhenTheQueueIsFull) {
  Start({.publish_queue_events_max = 1});
  log_->CloseGate();
  std::vector<std::thread> callers;
  for (int i = 0; i < 2; ++i) {
    callers.emplace_back([this, i] {
      grpc::ClientContext call;
      v1::PublishRequest request;
      *request.add_events() = NoteEvent("a", "x", "id-" + std::to_string(i));
      v1::PublishResponse response;
      EXPECT_TRUE(stub_->Publish(&call, request, &response).ok());
    });
    if (i == 0) {
      log_->AwaitAppendAtGate();
    }
  }
  // The second caller's event waits; a third finds the queue full as soon as it is there.
  while (server_->state().publish_queue_events == 0) {
    std::this_thread::yield();
  }
  Publish({NoteEvent("a", "x", "late")});
  EXPECT_EQ(status_.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonOf(Details(status_)), "QUEUE_FULL");
  EXPECT_EQ(Details(status_).details_size(), 2);  // RetryInfo
  log_->OpenGate();
  for (std::thread& caller : callers) {
    caller.join();
  }
}

TEST_F(PublishTest, FullStorageRefusesAndReadsGoOn) {
  PublishNotes("a", 2);
  log_->FailAppends(absl::ResourceExhaustedError("too little room"));
  Publish({NoteEvent("a", "x")});
  EXPECT_EQ(status_.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonOf(Details(status_)), "STORAGE_FULL");
  grpc::ClientContext call;
  v1::ListEventsRequest list;
  list.add_filters(">");
  v1::ListEventsResponse page;
  EXPECT_TRUE(stub_->ListEvents(&call, list, &page).ok());
  EXPECT_EQ(page.events_size(), 2);
}

}  // namespace
}  // namespace weir::server
