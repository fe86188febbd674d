// The edge's answers to what a client says on a WebSocket, each appended as a whole text frame. Pure; any thread.
#ifndef WEIR_EDGE_WEBSOCKET_ANSWERS_H_
#define WEIR_EDGE_WEBSOCKET_ANSWERS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"

namespace weir::edge {

// Reasons of refusals, for programs.
namespace reason {

inline constexpr std::string_view kTokenInvalid = "TOKEN_INVALID";
inline constexpr std::string_view kTokenRevoked = "TOKEN_REVOKED";
inline constexpr std::string_view kKeysUnavailable = "KEYS_UNAVAILABLE";
inline constexpr std::string_view kNotAllowed = "NOT_ALLOWED";
inline constexpr std::string_view kPrincipalChanged = "PRINCIPAL_CHANGED";
inline constexpr std::string_view kDeadline = "DEADLINE_EXCEEDED";
inline constexpr std::string_view kStopped = "STOPPED";
inline constexpr std::string_view kFilterNotAllowed = "FILTER_NOT_ALLOWED";
inline constexpr std::string_view kTooManyFilters = "TOO_MANY_FILTERS";
inline constexpr std::string_view kTooManyStreams = "TOO_MANY_STREAMS";
inline constexpr std::string_view kTooManyMessages = "TOO_MANY_MESSAGES";
inline constexpr std::string_view kMessageInvalid = "MESSAGE_INVALID";

}  // namespace reason

inline constexpr std::string_view kTooManyMessagesDetail =
    "more came than limits.websocket_messages_per_minute allows, pings and unasked pongs among them";

// `expires`: the token's `exp`; InfiniteFuture without one.
void AppendAuthSuccess(absl::Time expires, std::string& out);
void AppendAuthError(std::string_view reason, std::string_view detail, std::string& out);
void AppendError(std::string_view reason, std::string_view detail, std::string& out);
// `cursor`: empty where the place is not known yet.
void AppendSubscribed(const std::vector<std::string>& filters, std::string_view cursor, std::string& out);
void AppendPongMessage(std::string& out);

}  // namespace weir::edge

#endif  // WEIR_EDGE_WEBSOCKET_ANSWERS_H_
