#include "edge/http/proxy_header.h"

#include <algorithm>
#include <cstdint>

namespace weir::edge {
namespace {

constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr size_t kFixedBytes = 16;

enum Family : unsigned { kUnspecified = 0, kInet = 1, kInet6 = 2, kUnix = 3 };

unsigned Byte(std::string_view bytes, size_t at) { return static_cast<uint8_t>(bytes[at]); }
size_t Number(std::string_view bytes, size_t at) { return Byte(bytes, at) << 8U | Byte(bytes, at + 1); }

// Bytes of a family's addresses and ports.
size_t AddressBytes(unsigned family) {
  switch (family) {
    case kInet:
      return 12;
    case kInet6:
      return 36;
    case kUnix:
      return 216;
    default:
      return 0;
  }
}

// What cannot become a header, of its fixed part as far as it is there. Empty: nothing.
std::string_view FaultInFixedPart(std::string_view bytes) {
  const size_t signature = std::min(bytes.size(), kSignature.size());
  if (bytes.substr(0, signature) != kSignature.substr(0, signature)) {
    return "it does not begin with the signature of version 2";
  }
  if (bytes.size() > 12 && (Byte(bytes, 12) >> 4U != 2 || (Byte(bytes, 12) & 0xFU) > 1)) {
    return "its version is not 2, or its command neither LOCAL nor PROXY";
  }
  if (bytes.size() > 13) {
    const unsigned family = Byte(bytes, 13) >> 4U;
    const unsigned protocol = Byte(bytes, 13) & 0xFU;
    if (family > kUnix || protocol > 1 || (family == kUnspecified) != (protocol == 0)) {
      return "it is not about TCP";
    }
  }
  if (bytes.size() >= kFixedBytes) {
    if (Number(bytes, 14) > kProxyHeaderBytesMax - kFixedBytes) {
      return "it is too long";
    }
    if (Number(bytes, 14) < AddressBytes(Byte(bytes, 13) >> 4U)) {
      return "it is too short for its addresses";
    }
  }
  return "";
}

bool AreTypeLengthValues(std::string_view bytes) {
  while (bytes.size() >= 3 && Number(bytes, 1) <= bytes.size() - 3) {
    bytes.remove_prefix(3 + Number(bytes, 1));
  }
  return bytes.empty();
}

}  // namespace

std::variant<ProxyHeader, ProxyHeaderMore, ProxyHeaderFault> ReadProxyHeader(std::string_view bytes) {
  if (const std::string_view fault = FaultInFixedPart(bytes); !fault.empty()) {
    return ProxyHeaderFault{fault};
  }
  const size_t size = bytes.size() < kFixedBytes ? kFixedBytes : kFixedBytes + Number(bytes, 14);
  if (bytes.size() < size) {
    return ProxyHeaderMore{size - bytes.size()};
  }
  const unsigned family = Byte(bytes, 13) >> 4U;
  const std::string_view rest = bytes.substr(kFixedBytes, size - kFixedBytes);
  // What follows an unspecified family has no form that could be checked.
  if (family != kUnspecified && !AreTypeLengthValues(rest.substr(AddressBytes(family)))) {
    return ProxyHeaderFault{"what follows its addresses is malformed"};
  }
  ProxyHeader header{size, std::nullopt};
  const bool local = (Byte(bytes, 12) & 0xFU) == 0;
  if (!local && family == kInet) {
    header.source = IpAddress::V4(static_cast<uint8_t>(rest[0]), static_cast<uint8_t>(rest[1]),
                                  static_cast<uint8_t>(rest[2]), static_cast<uint8_t>(rest[3]));
  } else if (!local && family == kInet6) {
    IpAddress::Bytes source;
    std::copy_n(rest.begin(), source.size(), source.begin());
    header.source = IpAddress(source);
  }
  return header;
}

}  // namespace weir::edge
