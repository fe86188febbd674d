// EventBus.Subscribe over gRPC: the sink of a Subscription.
#ifndef WEIR_SERVER_SUBSCRIBE_SUBSCRIBE_CALL_H_
#define WEIR_SERVER_SUBSCRIBE_SUBSCRIBE_CALL_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include "server/auth/access_control.h"
#include "server/rpc/call_list.h"
#include "server/rpc/places.h"
#include "server/rpc/wire_message.h"
#include "server/subscribe/subscription.h"

namespace weir::server {

// Must outlive the calls.
struct SubscribeCallContext {
  SubscriptionContext subscriptions;
  CallList& streams;
  Places& places;
  const AccessControl& access;
};

// The reactor of one stream; it deletes itself. Ends at once when the caller was not admitted.
grpc::ServerWriteReactor<grpc::ByteBuffer>* StartSubscribe(const SubscribeCallContext& context, FaultOr<Caller> caller,
                                                           grpc::CallbackServerContext& call,
                                                           const grpc::ByteBuffer& request);

// The message as gRPC slices that hold its owners; nothing is copied.
grpc::ByteBuffer ToByteBuffer(const WireMessage& message);

}  // namespace weir::server

#endif  // WEIR_SERVER_SUBSCRIBE_SUBSCRIBE_CALL_H_
