#include "edge/http/front_desk.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "edge/http/bind_request.h"
#include "edge/http/hosts.h"
#include "edge/http/parameters.h"
#include "edge/http/problem.h"

namespace weir::edge {

namespace {

constexpr std::string_view kAllow = "Allow: GET, HEAD, OPTIONS\r\n";

}  // namespace

void FrontDesk::Reload(FrontDeskOptions options) {
  if (options.verifier != options_.verifier || options.revocations != options_.revocations) {
    access_ = Access(options.verifier, options.leeway, options.revocations);
  }
  options_ = std::move(options);
}

void FrontDesk::SetVerifier(std::shared_ptr<const JwtVerifier> verifier) {
  access_ = Access(verifier, options_.leeway, options_.revocations);
  options_.verifier = std::move(verifier);
}

FrontDesk::Decision FrontDesk::Decide(const RequestHead& head, const EdgeCondition& condition, absl::Time now) {
  const std::string plain = CorsHeaders(options_.cors, head.origin, false);
  absl::StatusOr<Target> target = ParseTarget(head.target);
  if (!target.ok()) {
    Reply reply = ProblemReply(problem::kBadRequest, Message(target.status()), plain);
    reply.close = true;
    return reply;
  }
  if (!IsAllowedHost(options_.hosts, head.host)) {
    Reply reply = ProblemReply(problem::kHostRefused, "the Host is none of `hosts`", plain);
    reply.close = true;
    return reply;
  }
  std::shared_ptr<const Route> route = options_.routes->Find(target->path);
  if (const auto ticket_route = TicketRoute(target->path); route == nullptr && ticket_route != nullptr) {
    return MakeTicket(Request{head, *target, condition, now}, *ticket_route);
  }
  const bool readable = head.method == "GET" || head.method == "HEAD";
  if (!readable && head.method != "OPTIONS") {
    const bool known = route != nullptr || options_.static_files != nullptr;
    Reply reply = known ? ProblemReply(problem::kMethodNotAllowed, "allowed is GET, HEAD and OPTIONS",
                                       plain + std::string(kAllow))
                        : ProblemReply(problem::kNotFound, "", plain);
    reply.close = head.has_body;
    return reply;
  }
  if (head.has_body) {
    Reply reply = ProblemReply(problem::kBodyRefused, "", plain);
    reply.close = true;
    return reply;
  }
  if (route != nullptr && head.upgrade && head.method == "GET") {
    return DecideUpgrade(Request{head, *target, condition, now}, *route);
  }
  if (route != nullptr && readable) {
    return DecideRoute(Request{head, *target, condition, now}, std::move(route));
  }
  if (route == nullptr && options_.static_files == nullptr) {
    return ProblemReply(problem::kNotFound, "", plain);
  }
  if (!readable) {
    return Preflight(head);
  }
  if (condition.overloaded) {
    return SendAway(Request{head, *target, condition, now}, problem::kOverloaded, false, true);
  }
  return StaticReply(head, *target, plain);
}

// A draining hub still answers polls, and their number is bounded by their clients' patience.
const Problem* FrontDesk::Closed(const EdgeCondition& condition, bool poll) {
  if (condition.overloaded) {
    return condition.draining ? &problem::kDraining : &problem::kOverloaded;
  }
  const Problem* const limited = condition.attempt != nullptr ? condition.attempt(poll) : nullptr;
  if (limited == nullptr && condition.draining && !poll) {
    return &problem::kDraining;
  }
  return limited;
}

Reply FrontDesk::TokenRefused(const absl::Status& why, const std::string& headers) {
  return ProblemReply(IsTokenRevoked(why) ? problem::kTokenRevoked : problem::kUnauthorized, Message(why),
                      headers + "WWW-Authenticate: Bearer\r\n");
}

FrontDesk::Decision FrontDesk::DecideRoute(const Request& request, std::shared_ptr<const Route> route) {
  const RequestHead& head = request.head;
  const Negotiated wanted = Negotiate(head.accept);
  const bool poll = wanted.representation == Representation::kPoll;
  std::string headers = CorsHeaders(options_.cors, head.origin, true);
  if (route->stopped) {
    // Also without a good token: who comes back with an old one is to stop too.
    return poll ? ProblemReply(problem::kStopped, "", headers) : Reply{.status = 204, .headers = std::move(headers)};
  }
  if (const Problem* const why = Closed(request.condition, poll); why != nullptr) {
    // A draining hub ends a stream with its last block by itself.
    if (why != &problem::kDraining || wanted.fetch_client) {
      return SendAway(request, *why, !poll, wanted.fetch_client);
    }
  }
  std::shared_ptr<const JwtClaims> claims;
  std::string cookie;
  if (route->auth_required) {
    auto checked = Identify(request, *route);
    if (absl::IsUnavailable(checked.status())) {
      return SendAway(request, problem::kKeysUnavailable, !poll, wanted.fetch_client);
    }
    if (!checked.ok()) {
      return TokenRefused(checked.status(), headers);
    }
    claims = checked->claims;
    cookie = std::move(checked->headers);
    headers += cookie;
    if (!poll && options_.principal_full != nullptr && options_.principal_full(PrincipalOf(*claims))) {
      return SendAway(request, problem::kTooManyStreams, true, wanted.fetch_client);
    }
  }
  if (wanted.representation == Representation::kNone) {
    return ProblemReply(problem::kNotAcceptable, "allowed is text/event-stream and application/json", headers);
  }
  absl::StatusOr<Parameters> parameters =
      ReadParameters(request.target.query, head.last_event_id, *route, poll, request.now);
  if (!parameters.ok()) {
    return ProblemReply(problem::kBadRequest, Message(parameters.status()), headers);
  }
  absl::StatusOr<StreamRequest> bound = BindRequest(std::move(route), claims.get(), request.target.query);
  if (!bound.ok()) {
    const bool denied = bound.status().code() == absl::StatusCode::kPermissionDenied;
    return ProblemReply(denied ? problem::kForbidden : problem::kBadRequest, Message(bound.status()), headers);
  }
  StreamRequest& stream = *bound;
  ReaderRequest& reader = stream.reader;
  reader.start = parameters->start;
  reader.resumed = parameters->has_cursor;
  if (claims != nullptr) {
    reader.expires = access_.EndOf(*claims);
    reader.age_max = options_.stream_age_max;
  }
  if (poll) {
    headers = "Content-Type: application/json\r\nCache-Control: no-store\r\n" + headers;
    if (head.method == "HEAD") {
      return Reply{.status = 200, .headers = std::move(headers), .body = ""};
    }
    return PollOrder{{std::move(reader), parameters->has_cursor, parameters->limit, parameters->wait},
                     std::move(headers)};
  }
  if (head.method == "HEAD") {
    return Reply{.status = 200, .headers = std::move(headers), .body = "", .is_stream = true};
  }
  stream.chunked = head.http11;
  stream.fetch_client = wanted.fetch_client;
  stream.extra_headers = CorsHeaders(options_.cors, head.origin, false) + cookie;  // the hub says `Vary: Accept`
  return std::move(stream);
}

Reply FrontDesk::PollReply(absl::StatusOr<std::string> body, const std::string& headers) {
  if (body.ok()) {
    return Reply{.status = 200, .headers = headers, .body = *std::move(body)};
  }
  // The headers of a problem take the place of those of the answer.
  std::string rest;
  for (size_t begin = 0; begin < headers.size();) {
    const size_t end = headers.find("\r\n", begin) + 2;
    const std::string_view line = std::string_view(headers).substr(begin, end - begin);
    if (!line.starts_with("Content-Type:") && !line.starts_with("Cache-Control:")) {
      rest += line;
    }
    begin = end;
  }
  switch (body.status().code()) {
    case absl::StatusCode::kInvalidArgument:
      return ProblemReply(problem::kBadRequest, Message(body.status()), rest);
    case absl::StatusCode::kUnauthenticated:
      return TokenRefused(body.status(), rest);
    case absl::StatusCode::kUnavailable:
      return ProblemReply(problem::kUnavailable, Message(body.status()), rest + "Retry-After: 1\r\n");
    default:
      return ProblemReply(problem::kInternal, "", rest);
  }
}

// A browser's EventSource gives up for good on any status but 200: it gets a stream that ends at once and says when to
// come back. Others get the status.
Reply FrontDesk::SendAway(const Request& request, const Problem& why, bool stream, bool fetch_client) {
  const int64_t retry_millis = RetryMillis();
  if (stream && !fetch_client) {
    Reply reply;
    reply.headers = CorsHeaders(options_.cors, request.head.origin, true);
    reply.is_stream = true;
    reply.close = true;
    reply.sent_away = &why;
    AppendControlFrame(kOverloadedEvent, "", fmt::format(R"({{"reason":"{}"}})", why.name), retry_millis, reply.body);
    return reply;
  }
  Reply reply = ProblemReply(why, "",
                             CorsHeaders(options_.cors, request.head.origin, true) +
                                 fmt::format("Retry-After: {}\r\n", (retry_millis + 999) / 1000));
  reply.close = true;
  reply.sent_away = &why;
  return reply;
}

Reply FrontDesk::Preflight(const RequestHead& head) const {
  Reply reply;
  reply.status = 204;
  reply.headers = CorsHeaders(options_.cors, head.origin, false) + std::string(kAllow);
  if (head.preflight) {
    reply.headers += PreflightHeaders(options_.cors, head.origin);
  }
  return reply;
}

// A path that is nothing is perhaps a route that was misspelt: then the page of another origin is to see that.
Reply FrontDesk::StaticReply(const RequestHead& head, const Target& target, const std::string& headers) const {
  StaticAnswer answer =
      options_.static_files->Get(target.path, head.if_none_match, head.if_modified_since, head.method == "HEAD");
  if (answer.status == 404) {
    return ProblemReply(problem::kNotFound, "", headers);
  }
  return Reply{.status = answer.status,
               .headers = std::move(answer.headers),
               .body = std::move(answer.body),
               .length = answer.length};
}

int64_t FrontDesk::RetryMillis() {
  const int64_t most = std::max<int64_t>(1000, absl::ToInt64Milliseconds(options_.retry_max));
  return std::uniform_int_distribution<int64_t>(most / 5, most)(random_);
}

}  // namespace weir::edge
