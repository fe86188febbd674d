// The EventBus as clients see it: a real gRPC server on a port of its own, over a log in memory.
#include "server/server.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/client_unary_call.h>
#include <grpcpp/support/byte_buffer.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "log/log_testing.h"
#include "log/memory_engine.h"
#include "server/publish/publish_stream.h"
#include "server/testing.h"
#include "weir/v1/event_bus.grpc.pb.h"

namespace weir::server {
namespace {

class ServerTest : public ::testing::Test {
 protected:
  void SetUp() override { Start({}); }
  void TearDown() override {
    log_->OpenGate();
    stub_.reset();
    server_.reset();
  }

  void Start(ServerOptions options) {
    stub_.reset();
    server_.reset();
    auto log = std::make_unique<ScriptedLog>(log::MakeMemoryLog({.log = log::TestLogOptions(log_clock_)}));
    log_ = log.get();
    options.listen = {.host = "127.0.0.1", .port = 0};
    absl::StatusOr<std::unique_ptr<Server>> server = Server::Start(std::move(log), TestTypes(), std::move(options));
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    channel_ = grpc::CreateChannel(server_->address().ToString(), grpc::InsecureChannelCredentials());
    stub_ = v1::EventBus::NewStub(channel_);
  }

  static google::rpc::Status Details(const grpc::Status& status) {
    google::rpc::Status details;
    EXPECT_TRUE(details.ParseFromString(status.error_details()));
    EXPECT_EQ(details.code(), static_cast<int>(status.error_code()));
    return details;
  }

  v1::PublishResponse Publish(const std::vector<v1::Event>& events, bool validate_only = false) {
    v1::PublishRequest request;
    request.set_validate_only(validate_only);
    for (const v1::Event& event : events) {
      *request.add_events() = event;
    }
    grpc::ClientContext call;
    v1::PublishResponse response;
    status_ = stub_->Publish(&call, request, &response);
    return response;
  }
  void PublishNotes(const std::string& topic, int count) {
    std::vector<v1::Event> events;
    for (int i = 0; i < count; ++i) {
      events.push_back(NoteEvent(topic, "hi", "n" + std::to_string(next_id_++)));
    }
    Publish(events);
    ASSERT_TRUE(status_.ok()) << status_.error_message();
  }

  std::string CursorAt(uint64_t sequence) const { return Cursor{log_->bounds().epoch, sequence}.ToString(); }

  log::TestClock log_clock_;
  ScriptedLog* log_ = nullptr;  // the server's
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::EventBus::Stub> stub_;
  grpc::Status status_;
  int next_id_ = 0;
};

// ---- Publish ----

TEST_F(ServerTest, PublishAnswersWhereEventsLie) {
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

TEST_F(ServerTest, PublishJudgesEventsOneByOne) {
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

TEST_F(ServerTest, ARetryIsStoredOnce) {
  Publish({NoteEvent("a", "one", "id")});
  const v1::PublishResponse again = Publish({NoteEvent("a", "one", "id"), NoteEvent("a", "other", "id")});
  ASSERT_EQ(again.results_size(), 2);
  EXPECT_TRUE(again.results(0).ack().duplicate());
  EXPECT_EQ(again.results(0).ack().sequence(), 1u);
  EXPECT_EQ(again.results(1).error().code(), 6);
  EXPECT_EQ(ReasonOf(again.results(1).error()), "EVENT_ID_REUSED");
  EXPECT_EQ(log_->bounds().head, 1u);
}

TEST_F(ServerTest, ValidateOnlyStoresNothing) {
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

TEST_F(ServerTest, PublishRefusesBadBatchesAsAWhole) {
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

TEST_F(ServerTest, PublishSaysWhenTheQueueIsFull) {
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

TEST_F(ServerTest, FullStorageRefusesAndReadsGoOn) {
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

// ---- PublishStream ----

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

TEST_F(PublishStreamTest, ACancelledStreamIsForgotten) {
  Open();
  ASSERT_TRUE(Write({NoteEvent("a", "x")}));
  ReadResults(1);
  call_->TryCancel();
  EXPECT_EQ(Finish().error_code(), grpc::StatusCode::CANCELLED);
}

// ---- Subscribe ----

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

// ---- The rest ----

TEST_F(ServerTest, ListsEventsInPages) {
  PublishNotes("a", 30);
  v1::ListEventsRequest request;
  request.add_filters(">");
  request.set_page_size(20);
  v1::ListEventsResponse page;
  grpc::ClientContext first;
  ASSERT_TRUE(stub_->ListEvents(&first, request, &page).ok());
  EXPECT_EQ(page.events_size(), 20);
  request.set_page_token(page.next_page_token());
  grpc::ClientContext second;
  ASSERT_TRUE(stub_->ListEvents(&second, request, &page).ok());
  EXPECT_EQ(page.events_size(), 10);
  EXPECT_EQ(page.next_page_token(), "");
  request.set_page_token("junk");
  grpc::ClientContext third;
  const grpc::Status status = stub_->ListEvents(&third, request, &page);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonOf(Details(status)), "PAGE_TOKEN_INVALID");
}

TEST_F(ServerTest, GivesTheSchemaOnlyToThoseWhoNeedIt) {
  grpc::ClientContext first;
  v1::GetSchemaRequest request;
  v1::GetSchemaResponse schema;
  ASSERT_TRUE(stub_->GetSchema(&first, request, &schema).ok());
  EXPECT_EQ(schema.version(), TestTypes()->version());
  EXPECT_EQ(schema.event_types_size(), 2);
  EXPECT_EQ(schema.files().file_size(), 1);
  request.set_known_version(schema.version());
  grpc::ClientContext second;
  ASSERT_TRUE(stub_->GetSchema(&second, request, &schema).ok());
  EXPECT_EQ(schema.version(), TestTypes()->version());
  EXPECT_EQ(schema.event_types_size(), 0);
  EXPECT_FALSE(schema.has_files());
}

TEST_F(ServerTest, TellsItsStatus) {
  PublishNotes("a", 3);
  grpc::ClientContext call;
  v1::GetStatusResponse status;
  ASSERT_TRUE(stub_->GetStatus(&call, {}, &status).ok());
  EXPECT_EQ(status.epoch(), log_->bounds().epoch.text());
  EXPECT_EQ(status.earliest_cursor(), CursorAt(0));
  EXPECT_EQ(status.head_cursor(), CursorAt(3));
  EXPECT_EQ(status.head_sequence(), 3u);
  EXPECT_GT(status.stored_bytes(), 0u);
  EXPECT_EQ(status.retention_age().seconds(), 168 * 3600);
  EXPECT_EQ(status.retention_bytes(), uint64_t{8} << 30);
  EXPECT_EQ(status.schema_version(), TestTypes()->version());
  EXPECT_EQ(status.event_bytes_max(), 1 << 20);
  EXPECT_EQ(status.log_engine(), "memory");
  EXPECT_TRUE(status.has_start_time());
  EXPECT_NE(status.server_version(), "");
}

// Calls a unary method with raw bytes.
grpc::Status RawCall(grpc::Channel& channel, const std::string& method, const std::string& bytes) {
  const grpc::internal::RpcMethod rpc(method.c_str(), grpc::internal::RpcMethod::NORMAL_RPC);
  grpc::ClientContext call;
  const grpc::Slice slice(bytes);
  const grpc::ByteBuffer request(&slice, 1);
  grpc::ByteBuffer response;
  return grpc::internal::BlockingUnaryCall<grpc::ByteBuffer, grpc::ByteBuffer>(&channel, rpc, &call, request,
                                                                               &response);
}

TEST_F(ServerTest, RefusesBytesThatAreNoMessage) {
  for (const std::string method : {"Publish", "ListEvents", "GetSchema"}) {
    const grpc::Status status = RawCall(*channel_, "/weir.v1.EventBus/" + method, "\x0a\x7f");
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << method;
    EXPECT_EQ(ReasonOf(Details(status)), "FIELD_INVALID") << method;
  }
}

// The status of grpc.health.v1.Health/Check: 1 is SERVING, 2 is NOT_SERVING; 0 when the call fails.
int Health(grpc::Channel& channel, const std::string& service) {
  const grpc::internal::RpcMethod rpc("/grpc.health.v1.Health/Check", grpc::internal::RpcMethod::NORMAL_RPC);
  grpc::ClientContext call;
  const grpc::Slice slice(service.empty() ? "" : "\x0a" + std::string(1, static_cast<char>(service.size())) + service);
  const grpc::ByteBuffer request(&slice, 1);
  grpc::ByteBuffer response;
  if (!grpc::internal::BlockingUnaryCall<grpc::ByteBuffer, grpc::ByteBuffer>(&channel, rpc, &call, request, &response)
           .ok()) {
    return 0;
  }
  grpc::Slice answer;
  EXPECT_TRUE(response.DumpToSingleSlice(&answer).ok());
  return answer.size() == 2 ? answer.begin()[1] : 0;
}

TEST_F(ServerTest, HealthFollowsTheLog) {
  EXPECT_EQ(Health(*channel_, ""), 1);
  EXPECT_EQ(Health(*channel_, "weir.v1.EventBus"), 1);
  log_->FailAppends(absl::UnavailableError("fsync"));
  Publish({NoteEvent("a", "x")});
  EXPECT_EQ(status_.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonOf(Details(status_)), "LOG_POISONED");
  EXPECT_EQ(Health(*channel_, ""), 2);
  EXPECT_EQ(Health(*channel_, "weir.v1.EventBus"), 2);
  EXPECT_TRUE(server_->state().poisoned);
  log_->FailAppends(absl::OkStatus());
  Publish({NoteEvent("a", "x")});
  EXPECT_EQ(ReasonOf(Details(status_)), "LOG_POISONED");  // until a restart
}

TEST_F(ServerTest, ReflectionListsTheService) {
  const grpc::internal::RpcMethod rpc("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
                                      grpc::internal::RpcMethod::BIDI_STREAMING);
  grpc::ClientContext call;
  const std::unique_ptr<grpc::ClientReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>> stream(
      grpc::internal::ClientReaderWriterFactory<grpc::ByteBuffer, grpc::ByteBuffer>::Create(channel_.get(), rpc,
                                                                                            &call));
  const grpc::Slice list_services(std::string("\x3a\x00", 2));
  ASSERT_TRUE(stream->Write(grpc::ByteBuffer(&list_services, 1)));
  grpc::ByteBuffer response;
  ASSERT_TRUE(stream->Read(&response));
  grpc::Slice slice;
  ASSERT_TRUE(response.DumpToSingleSlice(&slice).ok());
  const std::string text(reinterpret_cast<const char*>(slice.begin()), slice.size());
  EXPECT_NE(text.find("weir.v1.EventBus"), std::string::npos);
  call.TryCancel();
  EXPECT_FALSE(stream->Finish().ok());
}

TEST_F(SubscribeTest, DrainStoresWhatIsQueuedAndEndsStreams) {
  const auto reader = Subscribe({});
  EXPECT_TRUE(reader->Next().has_started());
  EXPECT_TRUE(reader->Next().progress().caught_up());
  grpc::ClientContext publish_call;
  const auto publisher = stub_->PublishStream(&publish_call);
  log_->CloseGate();
  v1::PublishStreamRequest request;
  *request.add_events() = NoteEvent("a", "x", "queued");
  ASSERT_TRUE(publisher->Write(request));
  log_->AwaitAppendAtGate();
  std::thread drain([this] { server_->Drain(); });
  log_->OpenGate();
  v1::PublishStreamResponse response;
  ASSERT_TRUE(publisher->Read(&response));
  EXPECT_EQ(response.results(0).ack().sequence(), 1u);
  EXPECT_FALSE(publisher->Read(&response));
  const grpc::Status published = publisher->Finish();
  EXPECT_EQ(published.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonOf(Details(published)), "DRAINING");
  const grpc::Status read = reader->Finish();
  EXPECT_EQ(read.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonOf(Details(read)), "DRAINING");
  drain.join();
  EXPECT_EQ(log_->bounds().head, 1u);
}

TEST(Server, SaysWhichAddressIsTaken) {
  const auto first = Server::Start(log::MakeMemoryLog({}), TestTypes(), {.listen = {.host = "127.0.0.1", .port = 0}});
  ASSERT_TRUE(first.ok());
  const auto second = Server::Start(log::MakeMemoryLog({}), TestTypes(), {.listen = (*first)->address()});
  EXPECT_TRUE(absl::IsUnavailable(second.status()));
  EXPECT_NE(second.status().message().find((*first)->address().ToString()), std::string::npos);
}

}  // namespace
}  // namespace weir::server
