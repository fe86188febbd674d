// What is asked of the system for sockets: the addresses of a name to listen on, and options. Any thread.
#ifndef WEIR_BASE_SOCKETS_H_
#define WEIR_BASE_SOCKETS_H_

#include <netdb.h>

#include <memory>

#include "absl/status/statusor.h"
#include "base/address.h"

namespace weir {

using AddressInfo = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

// All that a socket for TCP can be bound to for the address; at least one. May wait for a name server. INVALID_ARGUMENT
// names the address.
absl::StatusOr<AddressInfo> ResolveToListen(const Address& address);

// False: see errno.
bool SetOption(int fd, int level, int option, int value);

}  // namespace weir

#endif  // WEIR_BASE_SOCKETS_H_
