// Decides what a request gets: an answer, a stream or a poll. All rules of docs/http-api.md about a single request are
// here and in the pieces it uses; sockets are Connection's matter.
//
// One per hub, on the hub's thread: it remembers verified tokens.
#ifndef WEIR_EDGE_HTTP_FRONT_DESK_H_
#define WEIR_EDGE_HTTP_FRONT_DESK_H_

#include <memory>
#include <random>
#include <string>
#include <variant>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "edge/http/access.h"
#include "edge/http/cors.h"
#include "edge/http/head.h"
#include "edge/http/negotiate.h"
#include "edge/http/reply.h"
#include "edge/http/static_files.h"
#include "edge/http/target.h"
#include "edge/route.h"
#include "edge/routes.h"

namespace weir::edge {

struct FrontDeskOptions {
  std::shared_ptr<const Routes> routes;
  std::shared_ptr<const JwtVerifier> verifier;  // null: no route asks for a token
  absl::Duration leeway = absl::Seconds(30);    // the verifier's
  CorsOptions cors;
  std::shared_ptr<const StaticFiles> static_files;  // null: none
  // Clients that are sent away may come back after a random time up to this.
  absl::Duration retry_max = absl::Seconds(5);
  uint32_t seed = 0;
};

// What the edge can take just now.
struct EdgeCondition {
  bool overloaded = false;
  bool draining = false;
};

// A poll, and what its answer will carry.
struct PollOrder {
  PollRequest request;
  std::string headers;
};

class FrontDesk {
 public:
  using Decision = std::variant<Reply, StreamRequest, PollOrder>;

  explicit FrontDesk(FrontDeskOptions options)
      : options_(std::move(options)), access_(options_.verifier, options_.leeway), random_(options_.seed) {}

  // From now on these hold. The same verifier as before means that the tokens are judged as before.
  void Reload(FrontDeskOptions options);

  Decision Decide(const RequestHead& head, EdgeCondition condition, absl::Time now);

  // The answer to a poll that the hub has served.
  Reply PollReply(absl::StatusOr<std::string> body, const std::string& headers);

 private:
  struct Request;

  Decision DecideRoute(const Request& request, std::shared_ptr<const Route> route);
  Reply SendAway(const Request& request, bool stream, bool fetch_client);
  Reply Preflight(const RequestHead& head) const;
  Reply StaticReply(const RequestHead& head, const Target& target, const std::string& headers) const;
  int64_t RetryMillis();

  FrontDeskOptions options_;
  Access access_;
  std::minstd_rand random_;
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_HTTP_FRONT_DESK_H_
