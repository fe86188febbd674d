// EventBus.ListEvents as a call: a place, a read on a thread that may block, an answer.
#ifndef WEIR_SERVER_LIST_LIST_CALL_H_
#define WEIR_SERVER_LIST_LIST_CALL_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include "absl/time/time.h"
#include "log/log_engine.h"
#include "server/auth/access_control.h"
#include "server/rpc/places.h"
#include "server/schema/types_in_force.h"
#include "server/worker_pool.h"

namespace weir::server {

// What a client has to take its answer, of 2 MiB at most. Then the call is cancelled, for it holds the answer, and its
// place.
inline constexpr absl::Duration kListAnswerGrace = absl::Seconds(15);

// What the calls work with. All of it must outlive them.
struct ListCallContext {
  const log::LogEngine& log;
  const TypesInForce& types;
  WorkerPool& pool;
  const AccessControl& access;
  Places& places;  // calls that wait, read, or are being answered
};

// The reactor of one call; it deletes itself.
grpc::ServerUnaryReactor* StartListEvents(const ListCallContext& context, FaultOr<Caller> caller,
                                          grpc::CallbackServerContext& call, const grpc::ByteBuffer& request,
                                          grpc::ByteBuffer& response);

}  // namespace weir::server

#endif  // WEIR_SERVER_LIST_LIST_CALL_H_
