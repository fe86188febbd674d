// Addresses to listen on and to connect to: `HOST:PORT`. Pure: no name is looked up. Any thread.
#ifndef WEIR_BASE_ADDRESS_H_
#define WEIR_BASE_ADDRESS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace weir {

struct Address {
  std::string host;  // an IPv4 address, an IPv6 address without brackets, or a name
  uint16_t port = 0;

  // `127.0.0.1:80`, `[::1]:80`, `localhost:80`.
  std::string ToString() const;

  friend bool operator==(const Address&, const Address&) = default;
};

// Parses `127.0.0.1:8080`, `[::1]:0` or `localhost:50051`. INVALID_ARGUMENT says what is wrong and what is allowed.
absl::StatusOr<Address> ParseAddress(std::string_view text);

// Whether only this machine can connect: 127.0.0.0/8 (also mapped to IPv6), ::1, and the name `localhost`.
bool IsLoopback(const Address& address);

}  // namespace weir

#endif  // WEIR_BASE_ADDRESS_H_
