// Errors of gRPC calls and of single events as absl::Status, and which of them are worth another try.
#ifndef WEIR_CLIENTS_CPP_RPC_STATUS_H_
#define WEIR_CLIENTS_CPP_RPC_STATUS_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "google/rpc/status.pb.h"

namespace grpc {
class Status;
}

namespace weir::client {

// Code, message and, as a payload under its type URL, each detail of the error: ErrorReason finds the ErrorInfo there.
absl::Status FromGrpc(const grpc::Status& status);
absl::Status FromRpc(const google::rpc::Status& status);

// A refusal that the same call would meet again; with a token that is over or revoked, the next try shows another.
// INTERNAL, UNKNOWN, CANCELLED and DEADLINE_EXCEEDED are not among them: broken connections and proxies cause these
// too.
bool IsPermanent(const absl::Status& status);

// How long the server asks to be left alone (google.rpc.RetryInfo): at least nothing, at most kRetryDelayMax.
inline constexpr absl::Duration kRetryDelayMax = absl::Minutes(1);
absl::Duration RetryDelay(const absl::Status& status);

}  // namespace weir::client

#endif  // WEIR_CLIENTS_CPP_RPC_STATUS_H_
