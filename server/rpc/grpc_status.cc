#include "server/rpc/grpc_status.h"

namespace weir::server {

grpc::Status ToGrpcStatus(const Fault& fault) {
  return {static_cast<grpc::StatusCode>(CodeOf(fault.reason)), fault.message, ToRpcStatus(fault).SerializeAsString()};
}

grpc::Slice Flatten(const grpc::ByteBuffer& buffer) {
  grpc::Slice slice;
  if (!buffer.TrySingleSlice(&slice).ok()) {
    (void)buffer.DumpToSingleSlice(&slice);
  }
  return slice;
}

grpc::ByteBuffer BufferOf(std::string_view bytes) {
  const grpc::Slice slice(bytes.data(), bytes.size());
  return {&slice, 1};
}

}  // namespace weir::server
