#include "base/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/text.h"

namespace weir {
namespace {

absl::Status Invalid(std::string_view text, std::string_view why) {
  return absl::InvalidArgumentError(fmt::format("\"{}\" is no address: {}", Quotable(text), why));
}

bool IsIpv4(const std::string& host) {
  in_addr address;
  return inet_pton(AF_INET, host.c_str(), &address) == 1;
}

bool IsIpv6(const std::string& host) {
  in6_addr address;
  return inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

// Labels of letters, digits and hyphens, 253 bytes in all. A last label of digits would be a mistyped IPv4 address.
bool IsName(std::string_view host) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  };
  const std::string_view last = host.substr(host.rfind('.') + 1);
  return !host.empty() && host.size() <= 253 && std::all_of(host.begin(), host.end(), allowed) && host.front() != '.' &&
         host.find("..") == std::string_view::npos && last.find_first_not_of("0123456789") != std::string_view::npos;
}

}  // namespace

std::string Address::ToString() const {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port) : fmt::format("[{}]:{}", host, port);
}

absl::StatusOr<Address> ParseAddress(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || text.ends_with(']')) {
    return Invalid(text, "the port is missing; allowed is HOST:PORT, like 127.0.0.1:8080");
  }
  const std::string_view port = text.substr(colon + 1);
  std::string_view host = text.substr(0, colon);
  Address address;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc() || end != port.data() + port.size()) {
    return Invalid(text, fmt::format("the port is \"{}\"; allowed is 0 to 65535", Quotable(port)));
  }
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) {
    host = host.substr(1, host.size() - 2);
  }
  address.host = std::string(host);
  if (host.empty()) {
    return Invalid(text, "the host is missing; 127.0.0.1 is this machine only, 0.0.0.0 every interface");
  }
  if (host.find('\0') != std::string_view::npos) {
    return Invalid(text, "it holds a NUL byte");
  }
  if (bracketed ? IsIpv6(address.host) : (IsIpv4(address.host) || IsName(host))) {
    return address;
  }
  if (text.find("://") != std::string_view::npos) {
    return Invalid(text, "nothing like http:// may stand before it; allowed is HOST:PORT, like 127.0.0.1:8080");
  }
  if (!bracketed && host.find(':') != std::string_view::npos) {
    return Invalid(text, "an IPv6 address must stand in brackets, like [::1]:8080");
  }
  return Invalid(text, "the host is no IPv4 address, no IPv6 address in brackets and no name");
}

bool IsLoopback(const Address& address) {
  in_addr v4;
  if (inet_pton(AF_INET, address.host.c_str(), &v4) == 1) {
    return ntohl(v4.s_addr) >> 24 == 127;
  }
  in6_addr v6;
  if (inet_pton(AF_INET6, address.host.c_str(), &v6) == 1) {
    return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
  }
  return address.host == "localhost";
}

}  // namespace weir
