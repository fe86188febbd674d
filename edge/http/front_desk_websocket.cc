// The rules for WebSockets: who is upgraded, whose first message is taken, and whose new token.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "edge/http/bind_request.h"
#include "edge/http/front_desk.h"
#include "edge/http/parameters.h"
#include "edge/http/problem.h"
#include "edge/http/websocket_handshake.h"
#include "edge/websocket/allowed_filters.h"
#include "edge/websocket/answers.h"
#include "edge/websocket/frames.h"

namespace weir::edge {
namespace {

Refusal NoSuchPath() { return {close_code::kGone, reason::kStopped, "this path has no WebSocket any more"}; }

// What cannot be judged just now is to be tried again by a new connection.
Refusal BadToken(const absl::Status& why) {
  if (absl::IsUnavailable(why)) {
    return {close_code::kGoingAway, reason::kKeysUnavailable, std::string(Message(why))};
  }
  return {close_code::kToken, IsTokenRevoked(why) ? reason::kTokenRevoked : reason::kTokenInvalid,
          std::string(Message(why))};
}

// Why a message's parameters or the token's claims do not do.
Refusal RefusalOf(const absl::Status& status) {
  if (status.code() == absl::StatusCode::kPermissionDenied) {
    return {close_code::kForbidden, reason::kNotAllowed, std::string(Message(status))};
  }
  return {close_code::kMessage, reason::kMessageInvalid, std::string(Message(status))};
}

// What the message says counts before what the query says.
absl::StatusOr<Parameters> ParametersOf(const PendingWebSocket& pending, const AuthMessage& message, const Route& route,
                                        absl::Time now) {
  if (!message.cursor && !message.start) {
    return ReadParameters(pending.query, pending.last_event_id, route, false, now);
  }
  Query query;
  if (message.start) {
    query.Add("start", *message.start);
  }
  return ReadParameters(query, message.cursor.value_or(""), route, false, now);
}

}  // namespace

FrontDesk::Decision FrontDesk::DecideUpgrade(const Request& request, const Route& route) {
  const RequestHead& head = request.head;
  const auto refuse = [&](const Problem& problem, std::string_view detail, std::string_view headers = "") {
    Reply reply = ProblemReply(problem, detail, CorsHeaders(options_.cors, head.origin, true) + std::string(headers));
    reply.close = true;  // the client may have gone on to speak another protocol
    return reply;
  };
  if (route.stopped) {
    return refuse(problem::kStopped, "");
  }
  if (const Problem* const why = Closed(request.condition, false); why != nullptr) {
    return SendAway(request, *why, false, true);
  }
  if (route.message_presentation == nullptr) {
    return refuse(problem::kNoWebSocket, "the route has no `websocket: true`; it can be read over SSE and by polls");
  }
  if (!head.http11 || !IsWebSocketKey(head.websocket_key)) {
    return refuse(problem::kBadRequest, "an upgrade needs HTTP/1.1 and a Sec-WebSocket-Key of 16 bytes in base64");
  }
  if (head.websocket_version != "13") {
    return refuse(problem::kWebSocketVersion, "allowed is version 13",
                  "Sec-WebSocket-Version: 13\r\nUpgrade: websocket\r\n");
  }
  if (!MayConnectFrom(head.origin, head.host, options_.cors)) {
    return refuse(problem::kOriginRefused, "allowed are the origin of this host, and those of `cors.origins`");
  }
  const absl::StatusOr<Parameters> parameters =
      ReadParameters(request.target.query, head.last_event_id, route, false, request.now);
  if (!parameters.ok()) {
    return refuse(problem::kBadRequest, Message(parameters.status()));
  }
  return UpgradeOrder{UpgradeHead(head.websocket_key, head.websocket_protocols),
                      {route.path, request.target.query, head.authorization, head.last_event_id}};
}

std::variant<StreamRequest, Refusal> FrontDesk::Admit(const PendingWebSocket& pending, const AuthMessage& message,
                                                      absl::Time now) {
  const std::shared_ptr<const Route> route = options_.routes->Find(pending.path);
  if (route == nullptr || route->stopped || route->message_presentation == nullptr) {
    return NoSuchPath();  // a reload came between
  }
  std::shared_ptr<const JwtClaims> claims;
  if (route->auth_required) {
    auto checked = message.token ? access_.Check("", *message.token, now)
                                 : access_.Check(pending.authorization, pending.query.Find("token"), now);
    if (!checked.ok()) {
      return BadToken(checked.status());
    }
    claims = *std::move(checked);
    if (options_.principal_full != nullptr && options_.principal_full(PrincipalOf(*claims))) {
      return Refusal{close_code::kTooMany, reason::kTooManyStreams,
                     "this principal has as many streams as it may have"};
    }
  }
  const absl::StatusOr<Parameters> parameters = ParametersOf(pending, message, *route, now);
  if (!parameters.ok()) {
    return RefusalOf(parameters.status());
  }
  absl::StatusOr<StreamRequest> stream = BindRequest(route, claims.get(), pending.query);
  if (!stream.ok()) {
    return RefusalOf(stream.status());
  }
  const absl::StatusOr<Identity> identity = IdentityOf(*route, claims.get());
  if (!identity.ok()) {
    return RefusalOf(identity.status());
  }
  ReaderRequest& reader = stream->reader;
  WebSocketRequest& web_socket = stream->web_socket.emplace();
  web_socket.judge = this;
  web_socket.identity = *identity;
  web_socket.allowed = reader.filters;
  if (message.filters) {
    reader.filters = *message.filters;
    for (size_t i = 0; i < reader.filters.size(); ++i) {
      if (!IsAllowedFilter(reader.filters[i], web_socket.allowed)) {
        return Refusal{close_code::kForbidden, reason::kFilterNotAllowed, FilterComplaint(i)};
      }
    }
    std::sort(reader.filters.begin(), reader.filters.end());
    reader.filters.erase(std::unique(reader.filters.begin(), reader.filters.end()), reader.filters.end());
  }
  reader.start = parameters->start;
  reader.resumed = parameters->has_cursor;
  if (claims != nullptr) {
    reader.expires = access_.EndOf(*claims);
    reader.age_max = options_.stream_age_max;
  }
  AppendAuthSuccess(claims != nullptr ? claims->expires : absl::InfiniteFuture(), web_socket.answer);
  return *std::move(stream);
}

std::variant<Renewal, Refusal> FrontDesk::Renew(const Route& route, const Identity& identity,
                                                const std::optional<std::string>& token, absl::Time now) {
  if (!route.auth_required) {
    return Renewal{absl::InfiniteFuture(), absl::InfiniteFuture(), {}};
  }
  const auto claims = access_.Check("", token, now);
  if (!claims.ok()) {
    return BadToken(claims.status());
  }
  const absl::StatusOr<Identity> now_is = IdentityOf(route, claims->get());
  if (!now_is.ok() || *now_is != identity) {
    return Refusal{close_code::kForbidden, reason::kPrincipalChanged,
                   "the token is somebody else's, or allows something else; open another connection for it"};
  }
  return Renewal{(*claims)->expires, access_.EndOf(**claims), MarksOf(**claims), options_.stream_age_max};
}

}  // namespace weir::edge
