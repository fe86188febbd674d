#include "server/rpc/event_bus_service.h"

#include <utility>

#include "server/publish/publish_call.h"
#include "server/publish/publish_stream.h"
#include "server/rpc/grpc_status.h"

namespace weir::server {
namespace {

template <typename T>
bool Parse(const grpc::ByteBuffer& bytes, T& message) {
  const grpc::Slice slice = Flatten(bytes);
  return message.ParseFromArray(slice.begin(), static_cast<int>(slice.size()));
}

grpc::Status NotAMessage(std::string_view name) {
  return ToGrpcStatus(
      {.reason = v1::ERROR_REASON_FIELD_INVALID, .message = std::string("the bytes are not a ").append(name)});
}

grpc::ServerUnaryReactor* Refuse(grpc::CallbackServerContext& call, const Fault& fault) {
  grpc::ServerUnaryReactor* reactor = call.DefaultReactor();
  reactor->Finish(ToGrpcStatus(fault));
  return reactor;
}

}  // namespace

grpc::ServerUnaryReactor* EventBusService::Publish(grpc::CallbackServerContext* call, const grpc::ByteBuffer* request,
                                                   grpc::ByteBuffer* response) {
  const FaultOr<Caller> caller = context_.access.Admit(*call);
  if (!caller.ok()) {
    return Refuse(*call, caller.fault());
  }
  return StartPublish(context_.publish, caller->rights, *request, *response);
}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* EventBusService::PublishStream(
    grpc::CallbackServerContext* call) {
  return StartPublishStream(context_.publish, context_.access.Admit(*call), *call);
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* EventBusService::Subscribe(grpc::CallbackServerContext* call,
                                                                       const grpc::ByteBuffer* request) {
  return StartSubscribe(context_.subscribe, context_.access.Admit(*call), *call, *request);
}

grpc::ServerUnaryReactor* EventBusService::ListEvents(grpc::CallbackServerContext* call,
                                                      const grpc::ByteBuffer* request, grpc::ByteBuffer* response) {
  return StartListEvents(context_.list, context_.access.Admit(*call), *call, *request, *response);
}

grpc::ServerUnaryReactor* EventBusService::GetSchema(grpc::CallbackServerContext* call, const grpc::ByteBuffer* request,
                                                     grpc::ByteBuffer* response) {
  const FaultOr<Caller> caller = context_.access.Admit(*call);
  if (!caller.ok()) {
    return Refuse(*call, caller.fault());
  }
  grpc::ServerUnaryReactor* reactor = call->DefaultReactor();
  v1::GetSchemaRequest parsed;
  if (!Parse(*request, parsed)) {
    reactor->Finish(NotAMessage("GetSchemaRequest"));
    return reactor;
  }
  const EventTypes& types = context_.subscribe.subscriptions.types.get();
  *response = BufferOf(parsed.known_version() == types.version() ? types.version_bytes() : types.schema_bytes());
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

grpc::ServerUnaryReactor* EventBusService::GetStatus(grpc::CallbackServerContext* call, const v1::GetStatusRequest*,
                                                     v1::GetStatusResponse* response) {
  const FaultOr<Caller> caller = context_.access.Admit(*call);
  if (!caller.ok()) {
    return Refuse(*call, caller.fault());
  }
  grpc::ServerUnaryReactor* reactor = call->DefaultReactor();
  context_.status(*response);
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

}  // namespace weir::server
