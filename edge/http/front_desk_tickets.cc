// Who is asking: a token, or a ticket that stands for one. docs/http-api.md, "Tickets".
#include <fmt/format.h>

#include <utility>

#include "edge/http/front_desk.h"
#include "edge/http/problem.h"
#include "edge/http/websocket_handshake.h"

namespace weir::edge {
namespace {

constexpr std::string_view kSuffix = "/ticket";
constexpr std::string_view kCookie = "weir_ticket";
constexpr std::string_view kAllow = "Allow: POST, OPTIONS\r\n";

absl::Status Refuse(std::string_view why) { return absl::UnauthenticatedError({why.data(), why.size()}); }

// A cookie comes with every request that any page makes: it counts only where the page is ours, or one that is listed
// and may use credentials. Browsers say so by Sec-Fetch-Site, older ones by Origin alone.
bool MayUseCookie(const RequestHead& head, const CorsOptions& cors) {
  if (cors.credentials && cors.origins.contains(head.origin)) {
    return true;
  }
  return head.sec_fetch_site.empty() ? MayConnectFrom(head.origin, head.host, CorsOptions())
                                     : head.sec_fetch_site == "same-origin";
}

// A browser sends all cookies of the name whose path is the request's or lies above it, and a host beside this one may
// have set one for both: only that of this path and this principal is good.
std::optional<Tickets::Content> PassOf(const Tickets& tickets, std::string_view cookies, std::string_view path,
                                       const Tickets::Principal& principal, absl::Time now) {
  for (const std::string_view value : CookieValues(cookies, kCookie)) {
    std::optional<Tickets::Content> pass = tickets.Open(Tickets::Kind::kPass, path, value);
    if (pass && now < pass->expires && pass->principal == principal) {
      return pass;
    }
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<FrontDesk::Caller> FrontDesk::Identify(const Request& request, const Route& route) {
  const Query& query = request.target.query;
  const std::optional<std::string_view> ticket = query.Find("ticket");
  if (options_.tickets == nullptr || !ticket || BearerToken(request.head.authorization) || query.Find("token")) {
    auto claims = access_.Check(request.head.authorization, query.Find("token"), request.now);
    return claims.ok() ? absl::StatusOr<Caller>(Caller{*std::move(claims), ""}) : claims.status();
  }
  return query.Count("ticket") == 1 ? OpenTicket(request, route, *ticket)
                                    : Refuse("the ticket is given more than once");
}

// A browser's own reconnection repeats the URL: its ticket is over by then, and says only for whom the cookie must be.
absl::StatusOr<FrontDesk::Caller> FrontDesk::OpenTicket(const Request& request, const Route& route,
                                                        std::string_view ticket) {
  std::optional<Tickets::Content> content = options_.tickets->Open(Tickets::Kind::kTicket, route.path, ticket);
  if (!content) {
    return Refuse("the ticket is not valid for this path");
  }
  const bool fresh = request.now < content->expires;
  if (!fresh) {
    std::optional<Tickets::Content> pass =
        PassOf(*options_.tickets, request.head.cookie, route.path, content->principal, request.now);
    if (!pass) {
      return Refuse("the ticket is over, and there is no cookie that goes on for it");
    }
    if (!MayUseCookie(request.head, options_.cors)) {
      return Refuse("the page that asks is of another origin, so the cookie does not count");
    }
    content = std::move(pass);
  }
  auto claims = access_.Check("", content->token, request.now);
  if (!claims.ok()) {
    return claims.status();
  }
  Caller caller{*std::move(claims), ""};
  if (fresh) {
    content->expires = access_.EndOf(*caller.claims);
    const absl::StatusOr<std::string> pass = options_.tickets->Seal(Tickets::Kind::kPass, route.path, *content);
    if (!pass.ok()) {
      return pass.status();
    }
    caller.headers = fmt::format("Set-Cookie: {}={}; Path={}; Max-Age={}; HttpOnly; Secure; SameSite=Strict\r\n",
                                 kCookie, *pass, route.path, absl::ToInt64Seconds(content->expires - request.now));
  }
  return caller;
}

std::shared_ptr<const Route> FrontDesk::TicketRoute(std::string_view path) const {
  if (options_.tickets == nullptr || !path.ends_with(kSuffix)) {
    return nullptr;
  }
  std::shared_ptr<const Route> route = options_.routes->Find(path.substr(0, path.size() - kSuffix.size()));
  return route != nullptr && route->auth_required && !route->stopped ? route : nullptr;
}

// Nothing but the header counts here, which no page of another origin can set without being allowed to.
Reply FrontDesk::MakeTicket(const Request& request, const Route& route) {
  const RequestHead& head = request.head;
  const std::string headers = CorsHeaders(options_.cors, head.origin, false);
  if (head.has_body) {
    Reply reply = ProblemReply(problem::kBodyRefused, "", headers);
    reply.close = true;
    return reply;
  }
  if (head.method == "OPTIONS") {
    return {.status = 204,
            .headers = headers + std::string(kAllow) +
                       (head.preflight ? PreflightHeaders(options_.cors, head.origin, "POST") : "")};
  }
  if (head.method != "POST") {
    return ProblemReply(problem::kMethodNotAllowed, "allowed is POST", headers + std::string(kAllow));
  }
  if (const Problem* const why = Closed(request.condition, false); why != nullptr) {
    return SendAway(request, *why, false, true);
  }
  const auto claims = access_.Check(head.authorization, std::nullopt, request.now);
  if (absl::IsUnavailable(claims.status())) {
    return SendAway(request, problem::kKeysUnavailable, false, true);
  }
  if (!claims.ok()) {
    return TokenRefused(claims.status(), headers);
  }
  const absl::StatusOr<std::string> ticket =
      options_.tickets->Seal(Tickets::Kind::kTicket, route.path,
                             {.token = std::string(BearerToken(head.authorization).value_or("")),
                              .expires = request.now + Tickets::Lifetime(),
                              .principal = Tickets::PrincipalOf(**claims)});
  if (!ticket.ok()) {
    const bool large = absl::IsInvalidArgument(ticket.status());
    return ProblemReply(large ? problem::kBadRequest : problem::kInternal, large ? Message(ticket.status()) : "",
                        headers);
  }
  return {
      .status = 200,
      .headers = "Content-Type: application/json\r\nCache-Control: no-store\r\n" + headers,
      .body = fmt::format(R"({{"ticket":"{}","expiresIn":{}}})", *ticket, absl::ToInt64Seconds(Tickets::Lifetime()))};
}

}  // namespace weir::edge
