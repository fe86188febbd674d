// What a client says on a WebSocket, as JSON: docs/websocket.md. Pure; any thread.
#ifndef WEIR_EDGE_WEBSOCKET_CLIENT_MESSAGE_H_
#define WEIR_EDGE_WEBSOCKET_CLIENT_MESSAGE_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace weir::edge {

// Filters that one connection may have at a time.
inline constexpr size_t kWebSocketFiltersMax = 64;

// Who asks, and where to begin; later only the token.
struct AuthMessage {
  std::optional<std::string> token;
  std::optional<std::string> cursor;
  std::optional<std::string> start;
  std::optional<std::vector<std::string>> filters;  // at most kWebSocketFiltersMax
};

struct PingMessage {};

// `subscribe`, or `unsubscribe`.
struct SubscribeMessage {
  bool adds = true;
  std::vector<std::string> filters;  // at most kWebSocketFiltersMax
};

// What is wrong with it, and what is allowed; for people. It holds nothing of what was sent: that may be a secret in
// the wrong place.
struct BadMessage {
  std::string detail;
};

using ClientMessage = std::variant<AuthMessage, PingMessage, SubscribeMessage, BadMessage>;

// Of a message that is UTF-8. Unknown members and members of the wrong type are faults: a misspelt `filters` is not to
// mean all.
ClientMessage ReadClientMessage(std::string_view text);

}  // namespace weir::edge

#endif  // WEIR_EDGE_WEBSOCKET_CLIENT_MESSAGE_H_
