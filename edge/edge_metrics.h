// The edge's metrics, gathered when they are asked for: the hubs' own counters are summed, nothing is shared on the hot
// path. Names and labels are documented in docs/.
#ifndef WEIR_EDGE_EDGE_METRICS_H_
#define WEIR_EDGE_EDGE_METRICS_H_

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

#include "edge/history_queue.h"
#include "edge/hub_counters.h"
#include "edge/tail.h"
#include "edge/upstream_status.h"

namespace weir::edge {

// Reloads of the configuration. One thread writes, any reads.
struct ReloadCounts {
  std::atomic<uint64_t> ok = 0;
  std::atomic<uint64_t> failed = 0;
};

// Collect on any thread. Everything it is given must outlive it.
class EdgeMetrics final : public prometheus::Collectable {
 public:
  EdgeMetrics(const Tail& tail, const HistoryQueue& history, const UpstreamStatus& upstream,
              const ReloadCounts& reloads, std::vector<const HubCounters*> hubs)
      : tail_(tail), history_(history), upstream_(upstream), reloads_(reloads), hubs_(std::move(hubs)) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  double Sum(const std::function<uint64_t(const HubCounters&)>& value) const;
  void AddStreams(std::vector<prometheus::MetricFamily>& out) const;
  void AddHubs(std::vector<prometheus::MetricFamily>& out) const;
  void AddTail(std::vector<prometheus::MetricFamily>& out) const;
  void AddUpstream(std::vector<prometheus::MetricFamily>& out) const;

  const Tail& tail_;
  const HistoryQueue& history_;
  const UpstreamStatus& upstream_;
  const ReloadCounts& reloads_;
  const std::vector<const HubCounters*> hubs_;
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_EDGE_METRICS_H_
