// Errors as people and programs read them: `application/problem+json` (RFC 9457) with a stable `type`. Pure; any
// thread.
#ifndef WEIR_EDGE_HTTP_PROBLEM_H_
#define WEIR_EDGE_HTTP_PROBLEM_H_

#include <string>
#include <string_view>

namespace weir::edge {

// A kind of error. `type` is `urn:weir:problem:` and the name; both are listed in docs/http-api.md.
struct Problem {
  int status;
  std::string_view name;
  std::string_view title;
};

namespace problem {

inline constexpr Problem kBadRequest = {400, "bad-request", "The request cannot be understood"};
inline constexpr Problem kPlainHttp = {400, "plain-http", "A plain HTTP request was sent to an HTTPS port"};
inline constexpr Problem kUnauthorized = {401, "unauthorized", "A valid token is needed"};
inline constexpr Problem kTokenRevoked = {401, "token-revoked", "The token has been revoked"};
inline constexpr Problem kNoWebSocket = {400, "no-websocket", "This path has no WebSocket"};
inline constexpr Problem kForbidden = {403, "forbidden", "The token does not allow this"};
inline constexpr Problem kOriginRefused = {403, "origin-refused", "Pages of this origin may not connect here"};
inline constexpr Problem kNotFound = {404, "not-found", "There is nothing at this path"};
inline constexpr Problem kMethodNotAllowed = {405, "method-not-allowed", "This path can only be read"};
inline constexpr Problem kNotAcceptable = {406, "not-acceptable", "None of the accepted media types can be made"};
inline constexpr Problem kTimeout = {408, "request-timeout", "The request did not come in time"};
inline constexpr Problem kStopped = {410, "stopped", "This path was stopped for good"};
inline constexpr Problem kBodyRefused = {413, "body-refused", "Requests here have no body"};
inline constexpr Problem kTargetTooLong = {414, "target-too-long", "The request's target is too long"};
inline constexpr Problem kHostRefused = {421, "host-refused", "This edge is not called so"};
inline constexpr Problem kWebSocketVersion = {426, "websocket-version", "This version of WebSocket is not spoken here"};
inline constexpr Problem kTooManyAttempts = {429, "too-many-attempts", "This address opens streams too often"};
inline constexpr Problem kTooManyConnections = {429, "too-many-connections", "This address has too many connections"};
inline constexpr Problem kTooManyPolls = {429, "too-many-polls", "This address polls too often"};
inline constexpr Problem kTooManyStreams = {429, "too-many-streams", "The token's subject has too many streams"};
inline constexpr Problem kHeadTooLarge = {431, "head-too-large", "The request's head is too large"};
inline constexpr Problem kInternal = {500, "internal", "The request could not be answered"};
inline constexpr Problem kOverloaded = {503, "overloaded", "There is too much to do just now"};
inline constexpr Problem kDraining = {503, "draining", "This edge is about to end"};
inline constexpr Problem kUnavailable = {503, "unavailable", "The log cannot be read just now"};
inline constexpr Problem kKeysUnavailable = {503, "keys-unavailable",
                                             "Whether the token is good cannot be told just now"};
inline constexpr Problem kVersion = {505, "http-version", "This version of HTTP is not spoken here"};

}  // namespace problem

// `{"type","title","status","detail"}`; `detail` is left out when empty.
std::string ProblemBody(const Problem& problem, std::string_view detail);

// `Not Found`.
std::string_view ReasonPhrase(int status);

}  // namespace weir::edge

#endif  // WEIR_EDGE_HTTP_PROBLEM_H_
