// Whose request it is that a proxy passes on: `X-Forwarded-For`, read from the right as far as it was written by those
// who are trusted. What stands to the left of that may be anybody's invention, and is not looked at. Pure; any thread.
#ifndef WEIR_EDGE_HTTP_FORWARDED_H_
#define WEIR_EDGE_HTTP_FORWARDED_H_

#include <optional>
#include <string_view>

#include "edge/http/ip_address.h"

namespace weir::edge {

// `hop` has sent the request. While the one who sent it is trusted, the next address to the left is who sent it to
// them. `forwarded_for` holds all lines of the header, joined by commas; addresses may have a port: `192.0.2.1:80`,
// `[2001:db8::1]:80`. Null: what a trusted proxy has written is no address.
std::optional<IpAddress> ForwardedClient(IpAddress hop, std::string_view forwarded_for, const Networks& trusted);

}  // namespace weir::edge

#endif  // WEIR_EDGE_HTTP_FORWARDED_H_
