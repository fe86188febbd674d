// The upgrade of a request to a WebSocket (RFC 6455, section 4). Pure; any thread.
#ifndef WEIR_EDGE_HTTP_WEBSOCKET_HANDSHAKE_H_
#define WEIR_EDGE_HTTP_WEBSOCKET_HANDSHAKE_H_

#include <string>
#include <string_view>

#include "edge/http/cors.h"

namespace weir::edge {

// The subprotocol that is chosen when it is offered.
inline constexpr std::string_view kWebSocketProtocol = "weir.v1";

// Whether a `Sec-WebSocket-Key` is one: 16 bytes in base64.
bool IsWebSocketKey(std::string_view key);

// `Sec-WebSocket-Accept` for that key.
std::string WebSocketAccept(std::string_view key);

// The head of the answer that grants an upgrade. `protocols`: what the client offers, joined by commas.
std::string UpgradeHead(std::string_view key, std::string_view protocols);

// Whether a page of that origin may open a WebSocket here: browsers ask nobody else. Without an `Origin` it is no page;
// else it is that of `host` (the request's `Host`), whatever the scheme, or one of the list.
bool MayConnectFrom(std::string_view origin, std::string_view host, const CorsOptions& cors);

}  // namespace weir::edge

#endif  // WEIR_EDGE_HTTP_WEBSOCKET_HANDSHAKE_H_
