#include "edge/http/ip_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace weir::edge {
namespace {

constexpr std::array<uint8_t, 12> kV4Prefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

// The bits of `byte` that are among the first `bits` of a text of bytes where it is the one at `index`.
uint8_t Masked(uint8_t byte, unsigned index, unsigned bits) {
  const unsigned used = std::clamp<unsigned>(bits, index * 8, index * 8 + 8) - index * 8;
  return static_cast<uint8_t>(byte & (0xFF00U >> used));
}

}  // namespace

IpAddress IpAddress::V4(uint8_t a, uint8_t b, uint8_t c, uint8_t d) {
  return IpAddress({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, a, b, c, d});
}

std::optional<IpAddress> IpAddress::Parse(std::string_view text) {
  if (text.size() >= INET6_ADDRSTRLEN || text.find('\0') != std::string_view::npos) {
    return std::nullopt;
  }
  const std::string terminated(text);
  std::array<uint8_t, 4> v4;
  if (::inet_pton(AF_INET, terminated.c_str(), v4.data()) == 1) {
    return V4(v4[0], v4[1], v4[2], v4[3]);
  }
  Bytes v6;
  if (::inet_pton(AF_INET6, terminated.c_str(), v6.data()) == 1) {
    return IpAddress(v6);
  }
  return std::nullopt;
}

bool IpAddress::is_v4() const { return std::equal(kV4Prefix.begin(), kV4Prefix.end(), bytes_.begin()); }

bool IpAddress::is_loopback() const {
  static constexpr Bytes kLoopback = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return is_v4() ? bytes_[12] == 127 : bytes_ == kLoopback;
}

uint64_t IpAddress::client_key() const {
  uint64_t key = 0;
  for (size_t i = is_v4() ? 8 : 0, end = i + 8; i < end; ++i) {
    key = key << 8U | bytes_[i];
  }
  return key;
}

std::string IpAddress::ToString() const {
  char text[INET6_ADDRSTRLEN] = {};
  ::inet_ntop(is_v4() ? AF_INET : AF_INET6, bytes_.data() + (is_v4() ? 12 : 0), text, sizeof(text));
  return text;
}

std::optional<Network> Network::Parse(std::string_view text) {
  const size_t slash = text.find('/');
  const std::optional<IpAddress> base = IpAddress::Parse(text.substr(0, slash));
  if (!base) {
    return std::nullopt;
  }
  const bool v4 = text.substr(0, slash).find(':') == std::string_view::npos;
  const unsigned most = v4 ? 32 : 128;
  unsigned bits = most;
  if (slash != std::string_view::npos) {
    const std::string_view number = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), bits);
    if (number.empty() || number.size() > 3 || error != std::errc() || end != number.data() + number.size() ||
        bits > most || (number[0] == '0' && number.size() > 1)) {
      return std::nullopt;
    }
  }
  bits += 128 - most;
  for (unsigned i = 0; i < 16; ++i) {
    if (Masked(base->bytes()[i], i, bits) != base->bytes()[i]) {
      return std::nullopt;
    }
  }
  return Network(*base, bits);
}

bool Network::Contains(const IpAddress& address) const {
  for (unsigned i = 0; i * 8 < bits_; ++i) {
    if (Masked(address.bytes()[i], i, bits_) != base_.bytes()[i]) {
      return false;
    }
  }
  return true;
}

bool Contain(const Networks& networks, const IpAddress& address) {
  return std::any_of(networks.begin(), networks.end(),
                     [&](const Network& network) { return network.Contains(address); });
}

}  // namespace weir::edge
