// An IP address, and a network of them. An IPv4 address and its form in IPv6 (`::ffff:192.0.2.1`, which a listener on
// `::` sees) are one. Pure; any thread.
#ifndef WEIR_EDGE_HTTP_IP_ADDRESS_H_
#define WEIR_EDGE_HTTP_IP_ADDRESS_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::edge {

class IpAddress {
 public:
  using Bytes = std::array<uint8_t, 16>;

  // `::`.
  IpAddress() = default;
  // As IPv6 has it, in the network's order.
  explicit IpAddress(const Bytes& bytes) : bytes_(bytes) {}
  static IpAddress V4(uint8_t a, uint8_t b, uint8_t c, uint8_t d);
  // `192.0.2.1` or `2001:db8::1`: no zone, no port, no leading zeros, nothing around it.
  static std::optional<IpAddress> Parse(std::string_view text);

  bool is_v4() const;
  bool is_loopback() const;
  // What one subscriber is given counts as one client: an IPv4 address, or an IPv6 network of 64 bits.
  uint64_t client_key() const;
  std::string ToString() const;
  const Bytes& bytes() const { return bytes_; }
  friend bool operator==(const IpAddress&, const IpAddress&) = default;

 private:
  Bytes bytes_ = {};
};

class Network {
 public:
  // `10.0.0.0/8`, `2001:db8::/32`, or one address. No bit behind the prefix may be set.
  static std::optional<Network> Parse(std::string_view text);

  bool Contains(const IpAddress& address) const;
  friend bool operator==(const Network&, const Network&) = default;

 private:
  Network(const IpAddress& base, unsigned bits) : base_(base), bits_(bits) {}

  IpAddress base_;
  unsigned bits_;  // of 128
};

using Networks = std::vector<Network>;

bool Contain(const Networks& networks, const IpAddress& address);

}  // namespace weir::edge

#endif  // WEIR_EDGE_HTTP_IP_ADDRESS_H_
