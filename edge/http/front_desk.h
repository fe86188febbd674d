// Decides what a request gets: an answer, a stream or a poll. All rules of docs/http-api.md about a single request are
// here and in the pieces it uses; sockets are Connection's matter.
//
// One per hub, on the hub's thread.
#ifndef WEIR_EDGE_HTTP_FRONT_DESK_H_
#define WEIR_EDGE_HTTP_FRONT_DESK_H_

#include <functional>
#include <memory>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "edge/http/access.h"
#include "edge/http/cors.h"
#include "edge/http/head.h"
#include "edge/http/negotiate.h"
#include "edge/http/reply.h"
#include "edge/http/static_files.h"
#include "edge/http/target.h"
#include "edge/http/tickets.h"
#include "edge/route.h"
#include "edge/routes.h"
#include "edge/websocket/client_message.h"

namespace weir::edge {

struct FrontDeskOptions {
  std::shared_ptr<const Routes> routes;
  std::shared_ptr<const JwtVerifier> verifier;     // null: no route asks for a token
  absl::Duration leeway = absl::Seconds(30);       // the verifier's
  std::shared_ptr<const Revocations> revocations;  // null: no token is revoked
  absl::Duration stream_age_max = absl::InfiniteDuration();
  std::shared_ptr<const Tickets> tickets;  // null: there are none
  CorsOptions cors;
  std::vector<std::string> hosts;                   // by which it may be called (hosts.h); none: by any
  std::shared_ptr<const StaticFiles> static_files;  // null: none
  // Clients that are sent away may come back after a random time up to this.
  absl::Duration retry_max = absl::Seconds(5);
  uint32_t seed = 0;
  // Whether that principal has as many streams as it may have. Unset: never.
  std::function<bool(std::string_view principal)> principal_full = nullptr;
};

// What the edge can take just now.
struct EdgeCondition {
  bool overloaded = false;
  bool draining = false;
  // Counts an attempt to open a stream, or a poll. Says why this client may not; null: it may. Unset: it always may.
  std::function<const Problem*(bool poll)> attempt = nullptr;
};

// A poll, and what its answer will carry.
struct PollOrder {
  PollRequest request;
  std::string headers;
};

// What of the request an upgraded connection remembers until its first message.
struct PendingWebSocket {
  std::string path;
  Query query;
  std::string authorization;
  std::string last_event_id;
};

// The upgrade to a WebSocket is granted.
struct UpgradeOrder {
  std::string head;  // the answer
  PendingWebSocket pending;
};

class FrontDesk final : public TokenJudge {
 public:
  using Decision = std::variant<Reply, StreamRequest, PollOrder, UpgradeOrder>;

  explicit FrontDesk(FrontDeskOptions options)
      : options_(std::move(options)),
        access_(options_.verifier, options_.leeway, options_.revocations),
        random_(options_.seed) {}

  // From now on these hold. The same verifier as before means that the tokens are judged as before.
  void Reload(FrontDeskOptions options);

  void SetVerifier(std::shared_ptr<const JwtVerifier> verifier);

  Decision Decide(const RequestHead& head, const EdgeCondition& condition, absl::Time now);

  // What the first message of a WebSocket gets. The stream's judge is this.
  std::variant<StreamRequest, Refusal> Admit(const PendingWebSocket& pending, const AuthMessage& message,
                                             absl::Time now);
  std::variant<Renewal, Refusal> Renew(const Route& route, const Identity& identity,
                                       const std::optional<std::string>& token, absl::Time now) override;

  // The answer to a poll that the hub has served.
  Reply PollReply(absl::StatusOr<std::string> body, const std::string& headers);

 private:
  // A request for a path that is there, on its way through the rules.
  struct Request {
    const RequestHead& head;
    const Target& target;
    const EdgeCondition& condition;
    absl::Time now;
  };

  // Why nobody, or this client, is let in just now; null: it is.
  static const Problem* Closed(const EdgeCondition& condition, bool poll);
  static Reply TokenRefused(const absl::Status& why, const std::string& headers);
  Decision DecideRoute(const Request& request, std::shared_ptr<const Route> route);
  // Who asks for a route, and what of the answer's head comes from that (front_desk_tickets.cc).
  struct Caller {
    std::shared_ptr<const JwtClaims> claims;
    std::string headers;  // sets the cookie
  };
  absl::StatusOr<Caller> Identify(const Request& request, const Route& route);
  absl::StatusOr<Caller> OpenTicket(const Request& request, const Route& route, std::string_view ticket);
  // The route that a path gives tickets for, or null.
  std::shared_ptr<const Route> TicketRoute(std::string_view path) const;
  Reply MakeTicket(const Request& request, const Route& route);
  Decision DecideUpgrade(const Request& request, const Route& route);
  Reply SendAway(const Request& request, const Problem& why, bool stream, bool fetch_client);
  Reply Preflight(const RequestHead& head) const;
  Reply StaticReply(const RequestHead& head, const Target& target, const std::string& headers) const;
  int64_t RetryMillis();

  FrontDeskOptions options_;
  Access access_;
  std::minstd_rand random_;
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_HTTP_FRONT_DESK_H_
