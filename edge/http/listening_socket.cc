#include "edge/http/listening_socket.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "base/sockets.h"
#include "edge/send_buffer.h"

namespace weir::edge {
namespace {

constexpr int kBacklog = 4096;

absl::Status SystemError(const Address& address, int error) {
  const std::string text =
      fmt::format("cannot listen on {}: {}", address.ToString(), std::generic_category().message(error));
  return error == EACCES ? absl::PermissionDeniedError(text) : absl::UnavailableError(text);
}

// The port that a bound socket has.
uint16_t PortOf(int fd) {
  sockaddr_storage storage = {};
  socklen_t size = sizeof(storage);
  void* const raw = &storage;
  if (::getsockname(fd, static_cast<sockaddr*>(raw), &size) != 0) {
    return 0;
  }
  const in_port_t port = storage.ss_family == AF_INET6 ? static_cast<const sockaddr_in6*>(raw)->sin6_port
                                                       : static_cast<const sockaddr_in*>(raw)->sin_port;
  return ntohs(port);
}

}  // namespace

absl::Status ListeningSocket::CheckFree(const Address& address) {
  const absl::StatusOr<AddressInfo> info = ResolveToListen(address);
  if (!info.ok()) {
    return info.status();
  }
  const int fd = ::socket((*info)->ai_family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
  if (fd < 0) {
    return SystemError(address, errno);
  }
  // Without SO_REUSEPORT a listener's port cannot be bound; with SO_REUSEADDR, one that is only waiting can.
  const ListeningSocket probe(fd, false, address);
  if (!SetOption(fd, SOL_SOCKET, SO_REUSEADDR, 1) || ::bind(fd, (*info)->ai_addr, (*info)->ai_addrlen) != 0) {
    return SystemError(address, errno);
  }
  return absl::OkStatus();
}

absl::StatusOr<ListeningSocket> ListeningSocket::Open(const Address& address, size_t send_buffer_bytes) {
  const absl::StatusOr<AddressInfo> info = ResolveToListen(address);
  if (!info.ok()) {
    return info.status();
  }
  const addrinfo* const found = info->get();
  const int fd = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
  if (fd < 0) {
    return SystemError(address, errno);
  }
  ListeningSocket result(fd, found->ai_family == AF_INET6, address);
  if (!SetOption(fd, SOL_SOCKET, SO_REUSEADDR, 1) || !SetOption(fd, SOL_SOCKET, SO_REUSEPORT, 1) ||
      !SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1) ||
      !SetOption(fd, SOL_SOCKET, SO_SNDBUF, SendBufferOption(send_buffer_bytes)) ||
      ::bind(fd, found->ai_addr, found->ai_addrlen) != 0 || ::listen(fd, kBacklog) != 0) {
    return SystemError(address, errno);
  }
  result.address_.port = PortOf(fd);
  return result;
}

ListeningSocket::~ListeningSocket() {
  if (fd_ >= 0) {
    ::close(fd_);
  }
}

}  // namespace weir::edge
