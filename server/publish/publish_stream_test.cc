#include "server/publish/publish_stream.h"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "server/rpc/call_list.h"
#include "server/server_testing.h"

namespace weir::server {
namespace {

class PublishStreamTest : public ServerTest {
 protected:
  void Open() {
    call_ = std::make_unique<grpc::ClientContext>();
    stream_ = stub_->PublishStream(call_.get());
  }
  bool Write(const std::vector<v1::Event>& events) {
    v1::PublishStreamRequest request;
    for (const v1::Event& event : events) {
      *request.add_events() = event;
    }
    return stream_->Write(request);
  }
  // Reads until `count` results came; checks that indexes have no holes.
  std::vector<v1::PublishResult> ReadResults(size_t count) {
    std::vector<v1::PublishResult> results;
    v1::PublishStreamResponse response;
    while (results.size() < count && stream_->Read(&response)) {
      EXPECT_EQ(response.first_index(), seen_);
      seen_ += static_cast<uint64_t>(response.results_size());
      results.insert(results.end(), response.results().begin(), response.results().end());
    }
    EXPECT_EQ(results.size(), count);
    return results;
  }
  grpc::Status Finish() {
    v1::PublishStreamResponse rest;
    while (stream_->Read(&rest)) {
      ADD_FAILURE() << "more results: " << rest.ShortDebugString();
    }
    return stream_->Finish();
  }

  std::unique_ptr<grpc::ClientContext> call_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::PublishStreamRequest, v1::PublishStreamResponse>> stream_;
  uint64_t seen_ = 0;
};

TEST_F(PublishStreamTest, AcknowledgesInOrder) {
  Open();
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(Write(
        {NoteEvent("a", "x", "e" + std::to_string(2 * i)), NoteEvent("a", "x", "e" + std::to_string(2 * i + 1))}));
  }
  const std::vector<v1::PublishResult> results = ReadResults(200);
  for (size_t i = 0; i < results.size(); ++i) {
    EXPECT_EQ(results[i].ack().sequence(), i + 1);
    EXPECT_EQ(results[i].ack().id(), "e" + std::to_string(i));
  }
  stream_->WritesDone();
  EXPECT_TRUE(Finish().ok());
}

TEST_F(PublishStreamTest, AnswersWhatIsInFlightAfterHalfClose) {
  Open();
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(Write({NoteEvent("a", "x")}));
  }
  stream_->WritesDone();
  ReadResults(20);
  EXPECT_TRUE(Finish().ok());
}

TEST_F(PublishStreamTest, JudgesEventsOneByOne) {
  Open();
  ASSERT_TRUE(Write({NoteEvent("a", "x"), NoteEvent("..", "x")}));
  ASSERT_TRUE(Write({NoteEvent("..", "x")}));
  ASSERT_TRUE(Write({NoteEvent("a", "x")}));
  const std::vector<v1::PublishResult> results = ReadResults(4);
  EXPECT_EQ(results[0].ack().sequence(), 1u);
  EXPECT_EQ(ReasonOf(results[1].error()), "TOPIC_INVALID");
  EXPECT_EQ(ReasonOf(results[2].error()), "TOPIC_INVALID");
  EXPECT_EQ(results[3].ack().sequence(), 2u);
  stream_->WritesDone();
  EXPECT_TRUE(Finish().ok());
}

TEST_F(PublishStreamTest, ABadMessageEndsTheStreamAfterTheResultsBeforeIt) {
  Open();
  ASSERT_TRUE(Write({NoteEvent("a", "x")}));
  ASSERT_TRUE(Write({}));
  ReadResults(1);
  const grpc::Status status = Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonOf(Details(status)), "FIELD_INVALID");
}

TEST_F(PublishStreamTest, ATransientFaultEndsTheStreamWithNothingAfterIt) {
  Open();
  ASSERT_TRUE(Write({NoteEvent("a", "x", "first")}));
  ReadResults(1);
  log_->CloseGate();
  ASSERT_TRUE(Write({NoteEvent("a", "x", "second")}));
  log_->AwaitAppendAtGate();
  ASSERT_TRUE(Write({NoteEvent("a", "x", "third")}));
  log_->FailNextAppend(absl::ResourceExhaustedError("full"));
  log_->OpenGate();
  const grpc::Status status = Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonOf(Details(status)), "STORAGE_FULL");
  Publish({NoteEvent("a", "x", "probe")});
  EXPECT_EQ(log_->bounds().head, 2u);  // neither the second nor the third
}

// A slow disk delays acknowledgements and nothing else: the time in which a client must take them begins when they are
// there.
TEST_F(PublishStreamTest, WhatIsUnderWayIsAnsweredHoweverLongTheLogTakesToEnd) {
  Open();
  log_->CloseGate();
  ASSERT_TRUE(Write({NoteEvent("a", "x")}));
  log_->AwaitAppendAtGate();
  const auto drained = std::async(std::launch::async, [this] { server_->Drain(); });
  EXPECT_EQ(drained.wait_for(absl::ToChronoMilliseconds(kStreamEndGrace + absl::Seconds(1))),
            std::future_status::timeout);
  log_->OpenGate();
  EXPECT_EQ(ReadResults(1)[0].ack().sequence(), 1u);
  EXPECT_EQ(ReasonOf(Details(Finish())), "DRAINING");
}

TEST_F(PublishStreamTest, ReadingPausesWhileTooMuchWaits) {
  Open();
  log_->CloseGate();
  std::promise<void> all_written;
  std::thread writer([this, &all_written] {
    v1::Event event = NoteEvent("a", "x");
    event.mutable_payload()->set_value("\x0a\xe0\xa7\x12" + std::string(300'000, 'x'));
    for (int i = 0; i < 100; ++i) {
      ASSERT_TRUE(Write({event}));
    }
    stream_->WritesDone();
    all_written.set_value();
  });
  log_->AwaitAppendAtGate();
  // 30 MB do not fit into what the server takes from a stream and what flow control lets pass.
  EXPECT_EQ(all_written.get_future().wait_for(std::chrono::milliseconds(500)), std::future_status::timeout);
  EXPECT_LE(server_->state().publish_queue_events, kStreamBytesInFlightMax / 300'000 + 1);
  log_->OpenGate();
  ReadResults(100);
  writer.join();
  EXPECT_TRUE(Finish().ok());
  EXPECT_EQ(log_->bounds().head, 100u);
}

TEST_F(PublishStreamTest, LimitsHowManyAreOpen) {
  Start({.publish_streams_max = 1});
  grpc::ClientContext first_call;
  const auto first = stub_->PublishStream(&first_call);
  v1::PublishStreamRequest request;
  *request.add_events() = NoteEvent("a", "x");
  v1::PublishStreamResponse response;
  ASSERT_TRUE(first->Write(request));
  ASSERT_TRUE(first->Read(&response));
  for (int i = 0; i < 20; ++i) {
    Open();
    const grpc::Status status = Finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
    EXPECT_EQ(ReasonOf(Details(status)), "TOO_MANY_STREAMS");
    EXPECT_EQ(Details(status).details_size(), 2);  // with RetryInfo
    EXPECT_EQ(server_->state().publish_streams, 1);
  }
  first->WritesDone();
  EXPECT_FALSE(first->Read(&response));
  EXPECT_TRUE(first->Finish().ok());
  while (server_->state().publish_streams > 0) {
    std::this_thread::yield();
  }
  Open();
  ASSERT_TRUE(Write({NoteEvent("a", "x")}));
  ReadResults(1);
}

TEST_F(PublishStreamTest, EndsCallsWhenTooManyBytesWait) {
  Start({.grpc_bytes_max = 8 << 20});
  log_->CloseGate();
  v1::PublishStreamRequest request;
  *request.add_events() = NoteEvent("a", "x");
  request.mutable_events(0)->mutable_payload()->set_value("\x0a\xa0\xf7\x36" + std::string(900'000, 'x'));
  std::mutex mutex;
  std::condition_variable changed;
  int cut = 0;
  std::vector<std::thread> publishers;
  for (int i = 0; i < 40; ++i) {
    publishers.emplace_back([&] {
      grpc::ClientContext call;
      const auto stream = stub_->PublishStream(&call);
      v1::PublishStreamResponse response;
      if (stream->Write(request) && stream->WritesDone() && stream->Read(&response)) {
        EXPECT_EQ(response.results_size(), 1);
      }
      const grpc::Status status = stream->Finish();
      if (!status.ok()) {
        // A connection that was closed as a whole, or the call alone.
        EXPECT_TRUE(status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED ||
                    status.error_code() == grpc::StatusCode::UNAVAILABLE)
            << status.error_message();
        const std::lock_guard lock(mutex);
        ++cut;
        changed.notify_all();
      }
    });
  }
  {
    std::unique_lock lock(mutex);
    EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(20), [&cut] { return cut > 0; }));
  }
  log_->OpenGate();
  for (std::thread& publisher : publishers) {
    publisher.join();
  }
  // A publisher is told before the memory of what it sent is free.
  const absl::Time deadline = absl::Now() + absl::Seconds(20);
  do {
    Publish({NoteEvent("a", "x")});
  } while (!status_.ok() && absl::Now() < deadline);
  EXPECT_TRUE(status_.ok()) << status_.error_message();
}

TEST_F(PublishStreamTest, ACancelledStreamIsForgotten) {
  Open();
  ASSERT_TRUE(Write({NoteEvent("a", "x")}));
  ReadResults(1);
  call_->TryCancel();
  EXPECT_EQ(Finish().error_code(), grpc::StatusCode::CANCELLED);
}

}  // namespace
}  // namespace weir::server
