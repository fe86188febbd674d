// EventBus.PublishStream: batches as they come, results in the same order.
//
// Reading pauses while more than kStreamBytesInFlightMax bytes wait to be committed, while more than
// kStreamResultBytesMax bytes of results wait to be sent, or while the committer's queue is full: HTTP/2 flow control
// then holds the publisher. Results that come while a write is under way are gathered into the next one.
//
// At most so many streams as there are places are open; more are refused with TOO_MANY_STREAMS.
//
// It ends with CREDENTIALS_EXPIRED when the caller's token is over, and with CREDENTIALS_REVOKED when it is revoked,
// after the results of what it has taken; cancelled, if these are not taken within kStreamEndGrace (rpc/call_list.h).
//
// A fault of a message as a whole, or a transient one, ends the stream after the results of all events before it; what
// follows is neither stored nor acknowledged.
#ifndef WEIR_SERVER_PUBLISH_PUBLISH_STREAM_H_
#define WEIR_SERVER_PUBLISH_PUBLISH_STREAM_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include "server/publish/publish_context.h"

namespace weir::server {

inline constexpr size_t kStreamBytesInFlightMax = 4 << 20;
inline constexpr size_t kStreamResultBytesMax = 1 << 20;

// The reactor of one stream; it deletes itself. Ends at once when the caller was not admitted.
grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* StartPublishStream(const PublishContext& context,
                                                                                FaultOr<Caller> caller,
                                                                                grpc::CallbackServerContext& call);

}  // namespace weir::server

#endif  // WEIR_SERVER_PUBLISH_PUBLISH_STREAM_H_
