// What the kernel says of the memory of TCP sockets (sock_diag(7)).
#ifndef WEIR_TESTS_BENCH_SOCKET_MEMORY_H_
#define WEIR_TESTS_BENCH_SOCKET_MEMORY_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"

namespace weir::bench {

struct SocketMemory {
  size_t sockets = 0;
  // Queued to be sent, or received and not read, with the kernel's own bookkeeping.
  uint64_t bytes = 0;
  uint64_t bytes_max = 0;  // of one socket
};

// Of the established IPv4 connections whose local port this is.
absl::StatusOr<SocketMemory> MemoryOfSocketsAt(uint16_t local_port);

}  // namespace weir::bench

#endif  // WEIR_TESTS_BENCH_SOCKET_MEMORY_H_
