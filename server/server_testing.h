// A real gRPC server on a port of its own, over a log in memory, and a client of it: the EventBus as clients see it.
#ifndef WEIR_SERVER_SERVER_TESTING_H_
#define WEIR_SERVER_SERVER_TESTING_H_

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/client_unary_call.h>
#include <grpcpp/support/byte_buffer.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "log/log_testing.h"
#include "log/memory_engine.h"
#include "server/server.h"
#include "server/testing.h"
#include "weir/v1/event_bus.grpc.pb.h"

namespace weir::server {

// Calls a unary method with raw bytes.
inline grpc::Status RawCall(grpc::Channel& channel, const std::string& method, const std::string& bytes) {
  const grpc::internal::RpcMethod rpc(method.c_str(), grpc::internal::RpcMethod::NORMAL_RPC);
  grpc::ClientContext call;
  const grpc::Slice slice(bytes);
  const grpc::ByteBuffer request(&slice, 1);
  grpc::ByteBuffer response;
  return grpc::internal::BlockingUnaryCall<grpc::ByteBuffer, grpc::ByteBuffer>(&channel, rpc, &call, request,
                                                                               &response);
}

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

}  // namespace weir::server

#endif  // WEIR_SERVER_SERVER_TESTING_H_
