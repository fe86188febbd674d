// What gRPC and protobuf report by themselves.
#ifndef WEIR_BASE_QUIET_GRPC_H_
#define WEIR_BASE_QUIET_GRPC_H_

namespace weir {

// It goes to the process's log at `debug`, bounded: what matters of it is said by our own errors. Once, before anything
// of gRPC is made.
void QuietGrpc();

}  // namespace weir

#endif  // WEIR_BASE_QUIET_GRPC_H_
