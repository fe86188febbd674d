// The one subscription of this edge: fills the tail with everything that any route can show.
//
// It begins a little in the past, so that an edge that was restarted serves the readers that come back from memory. It
// reconnects by itself and goes on after the last event; the browsers notice nothing.
#ifndef WEIR_EDGE_UPSTREAM_H_
#define WEIR_EDGE_UPSTREAM_H_

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
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
};

// Starts when it is made. Threads: destroy it on any thread but gRPC's; status() from any. It is the tail's appending
// side. Client, tail and schemas must outlive it.
class Upstream {
 public:
  Upstream(Client& client, SchemaCache& schemas, Tail& tail, UpstreamOptions options);
  // Ends the subscription; the tail is not touched afterwards.
  ~Upstream();
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;

  const UpstreamStatus& status() const { return status_; }

 private:
  SubscriberCallbacks Callbacks();
  void Begin(std::optional<Cursor> after);
  void OnStarted(const v1::SubscriptionStarted& started);
  void OnSchema(const std::string& version);
  void OnBatch(std::shared_ptr<const std::string> batch);
  void OnProgress(const v1::Progress& progress);
  void OnGap(const v1::Gap& gap);
  bool WaitUnlessStopping(absl::Duration time);

  SchemaCache& schemas_;
  Tail& tail_;
  UpstreamStatus status_;
  // Of the subscriber's calls, which come one at a time.
  bool began_ = false;  // the tail has begun; from then on, what cannot be continued is said by a gap
  bool has_schema_ = false;

  std::mutex mutex_;
  std::condition_variable stopped_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::unique_ptr<Subscriber> subscriber_;
};

// Why a gap that the server announced is there, as readers are told.
GapReason ReasonOf(const v1::Gap& gap);

}  // namespace weir::edge

#endif  // WEIR_EDGE_UPSTREAM_H_
