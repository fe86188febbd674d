// An EventBus for tests that does what a script says, stream by stream.
#ifndef WEIR_CLIENTS_CPP_FAKE_EVENT_BUS_H_
#define WEIR_CLIENTS_CPP_FAKE_EVENT_BUS_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "grpcpp/server.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/sync_stream.h"
#include "weir/v1/event_bus.grpc.pb.h"

namespace weir {

// A status as Weir's server makes them: with ErrorInfo, and RetryInfo when there is a delay.
grpc::Status FakeError(grpc::StatusCode code, const std::string& reason, const std::string& message = "refused",
                       int64_t retry_delay_seconds = 0);

// A server on a free port of the loopback address. Scripts run on the server's threads, one for each call, in the
// order of the calls; a call without a script hangs until the fake is destroyed. Any thread.
class FakeEventBus final : public v1::EventBus::Service {
 public:
  using SubscribeScript =
      std::function<grpc::Status(const v1::SubscribeRequest&, grpc::ServerWriter<v1::SubscribeResponse>&)>;
  using PublisherStream = grpc::ServerReaderWriter<v1::PublishStreamResponse, v1::PublishStreamRequest>;
  using PublishScript = std::function<grpc::Status(PublisherStream&)>;

  FakeEventBus();
  ~FakeEventBus() override;

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  void OnSubscribe(SubscribeScript script);
  void OnPublishStream(PublishScript script);
  // What GetSchema answers from now on.
  void SetSchema(v1::GetSchemaResponse schema);

  // The requests of all Subscribe calls so far, and those of the first `count` when they have come (at most 20 s).
  std::vector<v1::SubscribeRequest> subscribe_requests() const;
  std::vector<v1::SubscribeRequest> WaitForSubscribes(size_t count);

  // Blocks the calling script until the fake is destroyed.
  void Hang();

  grpc::Status Subscribe(grpc::ServerContext* context, const v1::SubscribeRequest* request,
                         grpc::ServerWriter<v1::SubscribeResponse>* writer) override;
  grpc::Status PublishStream(grpc::ServerContext* context, PublisherStream* stream) override;
  grpc::Status ListEvents(grpc::ServerContext* context, const v1::ListEventsRequest* request,
                          v1::ListEventsResponse* response) override;
  grpc::Status GetSchema(grpc::ServerContext* context, const v1::GetSchemaRequest* request,
                         v1::GetSchemaResponse* response) override;
  grpc::Status GetStatus(grpc::ServerContext* context, const v1::GetStatusRequest* request,
                         v1::GetStatusResponse* response) override;

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool released_ = false;
  std::deque<SubscribeScript> subscribe_scripts_;
  std::deque<PublishScript> publish_scripts_;
  std::vector<v1::SubscribeRequest> subscribe_requests_;
  v1::GetSchemaResponse schema_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace weir

#endif  // WEIR_CLIENTS_CPP_FAKE_EVENT_BUS_H_
