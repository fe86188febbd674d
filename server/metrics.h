// The server's metrics, in Prometheus' terms. Counting is lock-free or nearly; any thread.
#ifndef WEIR_SERVER_METRICS_H_
#define WEIR_SERVER_METRICS_H_

#include <prometheus/collectable.h>
#include <prometheus/counter.h>
#include <prometheus/registry.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "server/server.h"

namespace weir::server {

// What is counted as it happens.
class Metrics {
 public:
  Metrics();

  void CountPublished(const PublishCounts& counts);
  void CountAccessRefused(v1::ErrorReason reason, size_t count = 1);
  void ObserveCommit(size_t events, absl::Duration took);

  // For the admin listener.
  std::shared_ptr<prometheus::Collectable> collectable() const { return registry_; }

 private:
  std::shared_ptr<prometheus::Registry> registry_;
  prometheus::Counter* stored_;
  prometheus::Counter* duplicate_;
  prometheus::Counter* refused_;
  prometheus::Family<prometheus::Counter>* access_refused_;
  prometheus::Histogram* commit_events_;
  prometheus::Histogram* commit_seconds_;
};

// What is looked at when it is asked for. `state` must be callable as long as the collectable lives.
std::shared_ptr<prometheus::Collectable> StateMetrics(std::function<ServerState()> state);

}  // namespace weir::server

#endif  // WEIR_SERVER_METRICS_H_
