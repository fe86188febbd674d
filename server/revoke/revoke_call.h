// Maintenance.RevokeTokens: publishes one revocation as every event is published, answered when it is durable.
#ifndef WEIR_SERVER_REVOKE_REVOKE_CALL_H_
#define WEIR_SERVER_REVOKE_REVOKE_CALL_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <string>

#include "base/clock.h"
#include "server/publish/publish_context.h"

namespace weir::server {

// All of it must outlive the service and its calls.
struct RevokeContext {
  const PublishContext& publish;
  Clock clock;  // the times of revocations are its
};

// The reactor of one call; it deletes itself. Ends at once when the caller was not admitted, or may not revoke. `peer`
// is for the log.
grpc::ServerUnaryReactor* StartRevoke(const RevokeContext& context, const FaultOr<Caller>& caller,
                                      const grpc::ByteBuffer& request, grpc::ByteBuffer& response, std::string peer);

}  // namespace weir::server

#endif  // WEIR_SERVER_REVOKE_REVOKE_CALL_H_
