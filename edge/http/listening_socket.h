// Opens a TCP socket for listening that several threads can share a port by: each opens its own, and the kernel spreads
// the connections over them (SO_REUSEPORT).
#ifndef WEIR_EDGE_HTTP_LISTENING_SOCKET_H_
#define WEIR_EDGE_HTTP_LISTENING_SOCKET_H_

#include <cstddef>
#include <utility>

#include "absl/status/statusor.h"
#include "base/address.h"

namespace weir::edge {

// An open socket; closed with its owner. One thread at a time.
class ListeningSocket {
 public:
  // OK when nobody listens on the address. Open shares a port also with another process of the same user, who would
  // then get a part of the connections: ask first. UNAVAILABLE names the address.
  static absl::Status CheckFree(const Address& address);

  // Binds and listens. What accepted sockets inherit is set here: TCP_NODELAY and the size of the send buffer. With
  // port 0 the kernel chooses; see address(). Errors name the address: UNAVAILABLE (in use), PERMISSION_DENIED,
  // INVALID_ARGUMENT (no such host).
  static absl::StatusOr<ListeningSocket> Open(const Address& address, size_t send_buffer_bytes);

  ListeningSocket(ListeningSocket&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), ipv6_(other.ipv6_), address_(std::move(other.address_)) {}
  ListeningSocket& operator=(ListeningSocket&&) = delete;
  ~ListeningSocket();

  int fd() const { return fd_; }
  bool ipv6() const { return ipv6_; }
  // With the real port.
  const Address& address() const { return address_; }
  // Gives the descriptor up.
  int Release() { return std::exchange(fd_, -1); }

 private:
  ListeningSocket(int fd, bool ipv6, Address address) : fd_(fd), ipv6_(ipv6), address_(std::move(address)) {}

  int fd_;
  bool ipv6_;
  Address address_;
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_HTTP_LISTENING_SOCKET_H_
