// The EventBus as a gRPC service: hands each call to its part. Requests and responses of the hot methods are raw bytes.
#ifndef WEIR_SERVER_RPC_EVENT_BUS_SERVICE_H_
#define WEIR_SERVER_RPC_EVENT_BUS_SERVICE_H_

#include <functional>
#include <memory>

#include "server/list/list_call.h"
#include "server/publish/publish_context.h"
#include "server/subscribe/subscribe_call.h"
#include "weir/v1/event_bus.grpc.pb.h"

namespace weir::server {

// What the service works with. All of it must outlive the service and its calls.
struct EventBusContext {
  const AccessControl& access;
  PublishContext publish;
  SubscribeCallContext subscribe;
  ListCallContext list;
  // Fills in what GetStatus answers. Any thread.
  std::function<void(v1::GetStatusResponse&)> status;
};

namespace internal {
using RawService = v1::EventBus::WithRawCallbackMethod_Publish<
    v1::EventBus::WithRawCallbackMethod_PublishStream<v1::EventBus::WithRawCallbackMethod_Subscribe<
        v1::EventBus::WithRawCallbackMethod_ListEvents<v1::EventBus::WithRawCallbackMethod_GetSchema<
            v1::EventBus::WithCallbackMethod_GetStatus<v1::EventBus::Service>>>>>>;
}  // namespace internal

class EventBusService final : public internal::RawService {
 public:
  explicit EventBusService(const EventBusContext& context) : context_(context) {}

  grpc::ServerUnaryReactor* Publish(grpc::CallbackServerContext* call, const grpc::ByteBuffer* request,
                                    grpc::ByteBuffer* response) override;
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* PublishStream(
      grpc::CallbackServerContext* call) override;
  grpc::ServerWriteReactor<grpc::ByteBuffer>* Subscribe(grpc::CallbackServerContext* call,
                                                        const grpc::ByteBuffer* request) override;
  grpc::ServerUnaryReactor* ListEvents(grpc::CallbackServerContext* call, const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* GetSchema(grpc::CallbackServerContext* call, const grpc::ByteBuffer* request,
                                      grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* call, const v1::GetStatusRequest* request,
                                      v1::GetStatusResponse* response) override;

 private:
  const EventBusContext& context_;
};

}  // namespace weir::server

#endif  // WEIR_SERVER_RPC_EVENT_BUS_SERVICE_H_
