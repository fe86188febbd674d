// The PROXY protocol, version 2: a binary header in front of a connection's first byte by which a proxy says whose
// connection it passes on (https://www.haproxy.org/download/1.8/doc/proxy-protocol.txt, section 2.2).
//
// Strict: version 2, commands LOCAL and PROXY, TCP only, an address block of the family's size, and behind it
// type-length-values that fill the rest exactly; these are not looked at. Version 1, a line of text, is refused. At
// most kProxyHeaderBytesMax bytes. Pure; any thread.
#ifndef WEIR_EDGE_HTTP_PROXY_HEADER_H_
#define WEIR_EDGE_HTTP_PROXY_HEADER_H_

#include <cstddef>
#include <optional>
#include <string_view>
#include <variant>

#include "edge/http/ip_address.h"

namespace weir::edge {

inline constexpr size_t kProxyHeaderBytesMax = 4096;

struct ProxyHeader {
  size_t size = 0;  // of the header: what follows is the client's
  // Null: the connection is the proxy's own (LOCAL, as for its health checks), or comes over no IP.
  std::optional<IpAddress> source;
};

// That many further bytes belong to the header, at least.
struct ProxyHeaderMore {
  size_t bytes = 0;
};

struct ProxyHeaderFault {
  std::string_view what;
};

// Reads the header at the beginning of `bytes`. A fault is seen as soon as the bytes that are there cannot become a
// header.
std::variant<ProxyHeader, ProxyHeaderMore, ProxyHeaderFault> ReadProxyHeader(std::string_view bytes);

}  // namespace weir::edge

#endif  // WEIR_EDGE_HTTP_PROXY_HEADER_H_
