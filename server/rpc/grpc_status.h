// Faults as the status of a gRPC call, and flat bytes in and out of gRPC's buffers.
#ifndef WEIR_SERVER_RPC_GRPC_STATUS_H_
#define WEIR_SERVER_RPC_GRPC_STATUS_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <string_view>

#include "server/rpc/error.h"

namespace weir::server {

// Code, message and `grpc-status-details-bin`.
grpc::Status ToGrpcStatus(const Fault& fault);

// The buffer's bytes in one slice, without a copy when they lie in one already.
grpc::Slice Flatten(const grpc::ByteBuffer& buffer);

inline std::string_view BytesOf(const grpc::Slice& slice) {
  return {reinterpret_cast<const char*>(slice.begin()), slice.size()};
}

// A buffer that holds a copy of the bytes.
grpc::ByteBuffer BufferOf(std::string_view bytes);

}  // namespace weir::server

#endif  // WEIR_SERVER_RPC_GRPC_STATUS_H_
