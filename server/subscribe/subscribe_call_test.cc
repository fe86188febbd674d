#include "server/subscribe/subscribe_call.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "server/server_testing.h"

namespace weir::server {
namespace {

class SubscribeTest : public ServerTest {
 protected:
  struct Stream {
    grpc::ClientContext call;
    std::unique_ptr<grpc::ClientReader<v1::SubscribeResponse>> reader;

    v1::SubscribeResponse Next() {
      v1::SubscribeResponse response;
      EXPECT_TRUE(reader->Read(&response)) << "the stream ended";
      return response;
    }
    grpc::Status Finish() {
      v1::SubscribeResponse response;
      while (reader->Read(&response)) {
      }
      return reader->Finish();
    }
    ~Stream() { call.TryCancel(); }
  };

  std::unique_ptr<Stream> Subscribe(v1::SubscribeRequest request) {
    if (request.filters().empty()) {
      request.add_filters(">");
    }
    auto stream = std::make_unique<Stream>();
    stream->reader = stub_->Subscribe(&stream->call, request);
    return stream;
  }
};

TEST_F(SubscribeTest, SendsStartedReplayCaughtUpAndLive) {
  PublishNotes("a", 40);
  v1::SubscribeRequest request;
  request.mutable_start()->mutable_earliest();
  const auto stream = Subscribe(request);
  const v1::SubscribeResponse started = stream->Next();
  EXPECT_EQ(started.started().cursor(), CursorAt(0));
  EXPECT_EQ(started.started().head_sequence(), 40u);
  EXPECT_EQ(started.schema_version(), TestTypes()->version());
  uint64_t last = 0;
  while (last < 40) {
    const v1::SubscribeResponse response = stream->Next();
    for (const v1::Event& event : response.batch().events()) {
      EXPECT_EQ(event.sequence(), ++last);
      EXPECT_EQ(event.cursor(), CursorAt(last));
      EXPECT_EQ(event.topic(), "a");
      EXPECT_EQ(event.payload().type_url(), "type.googleapis.com/test.v1.Note");
      EXPECT_TRUE(event.has_publish_time());
      EXPECT_TRUE(event.has_time());
    }
  }
  const v1::SubscribeResponse progress = stream->Next();
  EXPECT_TRUE(progress.progress().caught_up());
  EXPECT_EQ(progress.progress().cursor(), CursorAt(40));
  PublishNotes("a", 1);
  EXPECT_EQ(stream->Next().batch().events(0).sequence(), 41u);
}

TEST_F(SubscribeTest, ManyReadersSeeTheSame) {
  std::vector<std::unique_ptr<Stream>> streams;
  for (int i = 0; i < 20; ++i) {
    streams.push_back(Subscribe({}));
    EXPECT_TRUE(streams.back()->Next().has_started());
    EXPECT_TRUE(streams.back()->Next().progress().caught_up());
  }
  EXPECT_EQ(server_->state().subscriptions, 20);
  for (int i = 0; i < 10; ++i) {
    PublishNotes("a", 100);
  }
  for (const auto& stream : streams) {
    uint64_t last = 0;
    while (last < 1000) {
      const v1::SubscribeResponse response = stream->Next();
      for (const v1::Event& event : response.batch().events()) {
        ASSERT_EQ(event.sequence(), ++last);
      }
    }
  }
}

TEST_F(SubscribeTest, RefusesBadRequests) {
  v1::SubscribeRequest request;
  request.add_filters("a..b");
  const grpc::Status status = Subscribe(request)->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonOf(Details(status)), "FILTER_INVALID");
  request.set_filters(0, ">");
  request.mutable_start()->set_after_cursor("junk");
  EXPECT_EQ(ReasonOf(Details(Subscribe(request)->Finish())), "CURSOR_INVALID");
}

TEST_F(SubscribeTest, GapPolicyFailIsOutOfRange) {
  v1::SubscribeRequest request;
  request.mutable_start()->set_after_cursor("zzzzzzzz-1");
  request.set_gap_policy(v1::GAP_POLICY_FAIL);
  const grpc::Status status = Subscribe(request)->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(ReasonOf(Details(status)), "CURSOR_OTHER_EPOCH");
}

TEST_F(SubscribeTest, LimitsHowManyAreOpen) {
  Start({.subscriptions_max = 2});
  auto first = Subscribe({});
  const auto second = Subscribe({});
  first->Next();
  second->Next();
  const grpc::Status status = Subscribe({})->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonOf(Details(status)), "TOO_MANY_SUBSCRIPTIONS");
  // Those that are refused never count, also not until their calls are done.
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(Subscribe({})->Finish().ok());
    EXPECT_EQ(server_->state().subscriptions, 2);
  }
  first->call.TryCancel();
  EXPECT_EQ(first->Finish().error_code(), grpc::StatusCode::CANCELLED);
  while (server_->state().subscriptions > 1) {
    std::this_thread::yield();
  }
  const auto third = Subscribe({});
  EXPECT_TRUE(third->Next().has_started());
}

TEST_F(SubscribeTest, ASlowReaderHoldsNoMemoryAndMissesNothing) {
  Start({.tail_bytes_max = 64 << 10});
  const auto stream = Subscribe({});
  EXPECT_TRUE(stream->Next().has_started());
  v1::Event event = NoteEvent("a", "x");
  event.mutable_payload()->set_value("\x0a\xb8\x17" + std::string(3'000, 'x'));
  constexpr uint64_t kCount = 20'000;  // 60 MB
  for (uint64_t i = 0; i < kCount / 500; ++i) {
    Publish(std::vector<v1::Event>(500, event));
    ASSERT_TRUE(status_.ok());
    EXPECT_LE(server_->state().tail_bytes, 64u << 10);
  }
  uint64_t last = 0;
  while (last < kCount) {
    const v1::SubscribeResponse response = stream->Next();
    for (const v1::Event& each : response.batch().events()) {
      ASSERT_EQ(each.sequence(), ++last);
    }
  }
}

}  // namespace
}  // namespace weir::server
