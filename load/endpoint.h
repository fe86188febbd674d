// The sockets of a load: where it connects to, and from which of this machine's addresses.
#ifndef WEIR_LOAD_ENDPOINT_H_
#define WEIR_LOAD_ENDPOINT_H_

#include <sys/socket.h>

#include <cstdint>

#include "absl/status/statusor.h"

namespace weir::load {

// The address of a TCP socket.
struct Endpoint {
  sockaddr_storage address{};
  socklen_t size = 0;
};

// Of 127.0.0.1.
Endpoint LocalEndpoint(uint16_t port);

// Another address of 127.0.0.0/8 each time: closed connections keep their ports for a minute, so each load has an
// address of its own. Any thread.
uint32_t NextLocalSource();

struct Dialled {
  int fd = -1;              // does not wait; the caller's
  bool connecting = false;  // until it is writable; SO_ERROR says then how it went
};

// Connects to `endpoint`; from `source`, if that is of 127.0.0.0/8, where connecting does not wait. Else the machine
// chooses the address. The operating system's error.
absl::StatusOr<Dialled> Dial(const Endpoint& endpoint, uint32_t source);

}  // namespace weir::load

#endif  // WEIR_LOAD_ENDPOINT_H_
