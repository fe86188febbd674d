// EventBus.Publish: one batch, answered when it is durable.
#ifndef WEIR_SERVER_PUBLISH_PUBLISH_CALL_H_
#define WEIR_SERVER_PUBLISH_PUBLISH_CALL_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include "server/publish/publish_context.h"

namespace weir::server {

// The reactor of one call; it deletes itself. The rights are the caller's.
grpc::ServerUnaryReactor* StartPublish(const PublishContext& context, const Rights& rights,
                                       const grpc::ByteBuffer& request, grpc::ByteBuffer& response);

}  // namespace weir::server

#endif  // WEIR_SERVER_PUBLISH_PUBLISH_CALL_H_
