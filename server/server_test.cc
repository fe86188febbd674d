#include "server/server.h"

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/client_unary_call.h>
#include <grpcpp/support/byte_buffer.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "log/memory_engine.h"
#include "server/server_testing.h"
#include "server/testing.h"

namespace weir::server {
namespace {

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

TEST_F(ServerTest, RefusesBytesThatAreNoMessage) {
  for (const std::string method :
       {"EventBus/Publish", "EventBus/ListEvents", "EventBus/GetSchema", "Maintenance/RevokeTokens"}) {
    const grpc::Status status = RawCall(*channel_, "/weir.v1." + method, "\x0a\x7f");
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

// Retention appends what it carries over.
TEST_F(ServerTest, RetentionBeginsWhenTheLogIsObserved) {
  ASSERT_TRUE(log_->AwaitTrims(1));
  EXPECT_EQ(log_->unobserved_trims(), 0);
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

TEST_F(ServerTest, HealthFollowsTheLogWithoutAPublish) {
  Start({.health_check_interval = absl::Milliseconds(1)});
  EXPECT_EQ(Health(*channel_, "weir.v1.EventBus"), 1);
  log_->FailAppends(absl::UnavailableError("a write in the background"));
  const absl::Time deadline = absl::Now() + absl::Seconds(60);
  while (Health(*channel_, "weir.v1.EventBus") == 1 && absl::Now() < deadline) {
    std::this_thread::yield();
  }
  EXPECT_EQ(Health(*channel_, "weir.v1.EventBus"), 2);
  EXPECT_EQ(Health(*channel_, ""), 2);
}

TEST_F(ServerTest, ReflectionListsTheServices) {
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
  EXPECT_NE(text.find("weir.v1.Maintenance"), std::string::npos);
  call.TryCancel();
  EXPECT_FALSE(stream->Finish().ok());
}

TEST_F(ServerTest, DrainStoresWhatIsQueuedAndEndsStreams) {
  grpc::ClientContext subscribe_call;
  v1::SubscribeRequest subscribe;
  subscribe.add_filters("other");
  const auto reader = stub_->Subscribe(&subscribe_call, subscribe);
  v1::SubscribeResponse message;
  ASSERT_TRUE(reader->Read(&message));
  EXPECT_TRUE(message.has_started());
  ASSERT_TRUE(reader->Read(&message));
  EXPECT_TRUE(message.progress().caught_up());
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
  EXPECT_FALSE(reader->Read(&message));
  const grpc::Status read = reader->Finish();
  EXPECT_EQ(read.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonOf(Details(read)), "DRAINING");
  drain.join();
  EXPECT_EQ(log_->bounds().head, 1u);
}

// SETTINGS_MAX_CONCURRENT_STREAMS of the first frame that a server sends on a connection; 0 when it has none.
uint32_t ConcurrentStreamsAllowedBy(uint16_t port) {
  const int connection = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(port);
  const auto read_exactly = [connection](size_t size) {
    std::string bytes(size, '\0');
    return recv(connection, bytes.data(), size, MSG_WAITALL) == static_cast<ssize_t>(size) ? bytes : "";
  };
  const auto number = [](std::string_view bytes) {
    uint32_t value = 0;
    for (const char byte : bytes) {
      value = value << 8 | static_cast<unsigned char>(byte);
    }
    return value;
  };
  uint32_t allowed = 0;
  const std::string_view hello("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);
  if (connect(connection, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) == 0 &&
      send(connection, hello.data(), hello.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(hello.size())) {
    const std::string header = read_exactly(9);  // 24 bits of length, type (4 is SETTINGS), flags, stream
    EXPECT_EQ(header.substr(3, 1), "\4");
    const std::string settings = read_exactly(number(header.substr(0, 3)));
    for (size_t i = 0; i + 6 <= settings.size(); i += 6) {
      if (number(settings.substr(i, 2)) == 3) {
        allowed = number(settings.substr(i + 2, 4));
      }
    }
  }
  close(connection);
  return allowed;
}

TEST_F(ServerTest, BoundsTheCallsOfAConnection) {
  EXPECT_EQ(ConcurrentStreamsAllowedBy(server_->address().port), 1'000u);
}

std::shared_ptr<const EventTypes> TypesNumber(size_t number) {
  const DescriptorSetFile set =
      SetOf(fmt::format(R"(name: "x{0}.proto" package: "x{0}" syntax: "proto3" message_type {{ name: "M" }})", number));
  return EventTypes::Load({&set, 1}).value();
}

TEST_F(ServerTest, TakesOverTypesAndAccessTogetherOrNeither) {
  const auto is_let_in = [this] {
    grpc::ClientContext call;
    v1::GetStatusResponse response;
    return stub_->GetStatus(&call, {}, &response).ok();
  };
  auto nobody = std::make_shared<AccessPolicy>();
  nobody->rules = std::make_shared<const AccessRules>(std::vector<AccessRule>());
  nobody->source = "nobody";
  for (size_t i = 1; i < TypesInForce::kVersionsMax; ++i) {
    ASSERT_TRUE(server_->Reload(TypesNumber(i), nullptr).ok());
  }
  EXPECT_TRUE(absl::IsResourceExhausted(server_->Reload(TypesNumber(1'000), nobody)));
  EXPECT_TRUE(is_let_in()) << "the policy holds, and the types that came with it do not";
  ASSERT_TRUE(server_->Reload(TypesNumber(1), nobody).ok());
  EXPECT_FALSE(is_let_in());
  ASSERT_TRUE(server_->Reload(TypesNumber(1), nullptr).ok());
  EXPECT_TRUE(is_let_in());
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
