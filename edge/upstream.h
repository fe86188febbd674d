// The one subscription of this edge: fills the tail with everything that any route can show.
//
// It begins a little in the past, so that an edge that was restarted serves the readers that come back from memory. It
// reconnects by itself, with full jitter, and goes on after the last event: browsers stay connected and miss nothing.
// What it cannot read it asks for again, and in the end passes with a gap; a refusal for good is tried again slowly,
// until somebody has mended the server.
#ifndef WEIR_EDGE_UPSTREAM_H_
#define WEIR_EDGE_UPSTREAM_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "edge/route.h"
#include "edge/schema_cache.h"
#include "edge/tail.h"
#include "edge/upstream_status.h"
#include "weir/client.h"

namespace weir::edge {

struct UpstreamOptions {
  // The widest filters of all routes: 1 to 1,024.
  std::vector<std::string> filters;
  // How far back the tail is filled at the start.
  absl::Duration history = absl::Minutes(5);
  // How long after the server has refused the subscription for good (a damaged log, a bad filter) it is asked again.
  absl::Duration refused_retry = absl::Minutes(1);
};

// Starts when it is made. Threads: Reopen, Retry and the destructor on one thread, not gRPC's; status() from any. It is
// the tail's appending side. Client, tail and schemas must outlive it.
class Upstream {
 public:
  Upstream(Client& client, SchemaCache& schemas, Tail& tail, UpstreamOptions options);
  // Ends the subscription; the tail is not touched afterwards. May wait for a schema that is being fetched (5 s).
  ~Upstream() = default;
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;

  // Asks for these filters from now on, and makes places for so many presentations in the tail. The new stream goes on
  // after the tail's head: of what was asked for before nothing is lost or comes twice. Returns from where on the tail
  // has what is new. Waits for the call of the old stream that is under way.
  Coverage Reopen(std::vector<std::string> filters, uint32_t presentations);

  // Asks at once where the subscription is lost or refused, instead of when its wait is over.
  void Retry();

  const UpstreamStatus& status() const { return status_; }

 private:
  void Open();
  SubscriberCallbacks Callbacks();
  void Begin(std::optional<Cursor> after);
  void OnStarted(const v1::SubscriptionStarted& started);
  absl::Status OnSchema(const std::string& version);
  absl::Status OnBatch(std::shared_ptr<const std::string> batch);
  void OnProgress(const v1::Progress& progress);
  void OnGap(const v1::Gap& gap);
  void OnDisconnected(const absl::Status& status, bool refused);

  Client& client_;
  SchemaCache& schemas_;
  Tail& tail_;
  UpstreamOptions options_;
  UpstreamStatus status_;
  // Of the subscriber's calls, which come one at a time.
  bool began_ = false;  // the tail has begun; from then on, what cannot be continued is said by a gap
  bool has_schema_ = false;

  std::unique_ptr<Subscriber> subscriber_;  // last: its callbacks use everything above
};

// Why a gap that the server announced is there, as readers are told.
GapReason ReasonOf(const v1::Gap& gap);

}  // namespace weir::edge

#endif  // WEIR_EDGE_UPSTREAM_H_
