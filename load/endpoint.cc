#include "load/endpoint.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "absl/status/status.h"

namespace weir::load {
namespace {

sockaddr_in Ipv4(uint32_t address, uint16_t port) {
  sockaddr_in ipv4{};
  ipv4.sin_family = AF_INET;
  ipv4.sin_addr.s_addr = htonl(address);
  ipv4.sin_port = htons(port);
  return ipv4;
}

// Whether it is of 127.0.0.0/8.
bool IsLocal(const Endpoint& endpoint) {
  return endpoint.address.ss_family == AF_INET &&
         ntohl(reinterpret_cast<const sockaddr_in&>(endpoint.address).sin_addr.s_addr) >> 24 == 127;
}

bool Bind(int fd, uint32_t source) {
  const sockaddr_in address = Ipv4(source, 0);
  const int on = 1;
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
  return bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

absl::Status Fail(int fd, const char* what) {
  const int error = errno;
  if (fd >= 0) {
    close(fd);
  }
  return absl::ErrnoToStatus(error, what);
}

}  // namespace

Endpoint LocalEndpoint(uint16_t port) {
  const sockaddr_in address = Ipv4(INADDR_LOOPBACK, port);
  Endpoint endpoint;
  std::memcpy(&endpoint.address, &address, sizeof(address));
  endpoint.size = sizeof(address);
  return endpoint;
}

uint32_t NextLocalSource() {
  static std::atomic<uint32_t> next{0};
  return 0x7F010001U + (next.fetch_add(1) % 0xFFFFU) * 0x100U % 0xFE0000U;
}

absl::StatusOr<Dialled> Dial(const Endpoint& endpoint, uint32_t source) {
  const auto* const address = reinterpret_cast<const sockaddr*>(&endpoint.address);
  const bool local = IsLocal(endpoint);
  const int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | (local ? 0 : SOCK_NONBLOCK), 0);
  if (fd < 0 || (local && !Bind(fd, source))) {
    return Fail(fd, "a reader's socket");
  }
  const bool connecting = connect(fd, address, endpoint.size) != 0;
  if (connecting && errno != EINPROGRESS) {
    return Fail(fd, "connect");
  }
  if (local) {
    fcntl(fd, F_SETFL, O_NONBLOCK);
  }
  return Dialled{fd, connecting};
}

}  // namespace weir::load
