#include "base/sockets.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <string>

namespace weir {

absl::StatusOr<AddressInfo> ResolveToListen(const Address& address) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failure = ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
  if (failure != 0) {
    return absl::InvalidArgumentError(
        fmt::format("cannot listen on {}: {}", address.ToString(), ::gai_strerror(failure)));
  }
  return AddressInfo(found, &::freeaddrinfo);
}

bool SetOption(int fd, int level, int option, int value) {
  return ::setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

}  // namespace weir
