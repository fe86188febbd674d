// gRPC messages as plain bytes.
#ifndef WEIR_CLIENTS_CPP_BYTE_BUFFER_H_
#define WEIR_CLIENTS_CPP_BYTE_BUFFER_H_

#include <string>

#include "google/protobuf/message_lite.h"
#include "grpcpp/support/byte_buffer.h"

namespace weir::client {

// The whole message in one piece.
std::string Flatten(const grpc::ByteBuffer& buffer);

// The message without another copy: the buffer owns the bytes.
grpc::ByteBuffer ToByteBuffer(std::string bytes);

inline grpc::ByteBuffer ToByteBuffer(const google::protobuf::MessageLite& message) {
  return ToByteBuffer(message.SerializeAsString());
}

}  // namespace weir::client

#endif  // WEIR_CLIENTS_CPP_BYTE_BUFFER_H_
