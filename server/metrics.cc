#include "server/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/histogram.h>

#include <string>
#include <utility>

namespace weir::server {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;

class StateCollectable final : public prometheus::Collectable {
 public:
  explicit StateCollectable(std::function<ServerState()> state) : state_(std::move(state)) {}

  std::vector<MetricFamily> Collect() const override {
    const ServerState state = state_();
    std::vector<MetricFamily> families;
    families.push_back(Gauge("weir_publish_queue_events", "Events waiting for the committer.",
                             static_cast<double>(state.publish_queue_events)));
    families.push_back(Gauge("weir_publish_streams", "Open PublishStream streams.", state.publish_streams));
    MetricFamily subscriptions = Gauge("weir_subscriptions", "Open Subscribe streams, by where they read.",
                                       state.subscriptions - state.subscriptions_catching_up);
    subscriptions.metric.front().label = {{"state", "live"}};
    ClientMetric catching_up;
    catching_up.label = {{"state", "catching_up"}};
    catching_up.gauge.value = state.subscriptions_catching_up;
    subscriptions.metric.push_back(catching_up);
    families.push_back(std::move(subscriptions));
    families.push_back(
        Gauge("weir_log_stored_bytes", "Bytes of events in the log.", static_cast<double>(state.log.bytes)));
    families.push_back(Gauge("weir_log_head_sequence", "The number of the newest durable event.",
                             static_cast<double>(state.log.head)));
    families.push_back(Gauge("weir_log_earliest_sequence", "The number of the first retained event.",
                             static_cast<double>(state.log.earliest)));
    families.push_back(
        Gauge("weir_log_poisoned", "1 when a sync failed and only a restart helps.", state.poisoned ? 1 : 0));
    families.push_back(Gauge("weir_tail_bytes", "Memory of the newest events that live readers share.",
                             static_cast<double>(state.tail_bytes)));
    return families;
  }

 private:
  static MetricFamily Gauge(std::string name, std::string help, double value) {
    MetricFamily family;
    family.name = std::move(name);
    family.help = std::move(help);
    family.type = prometheus::MetricType::Gauge;
    ClientMetric metric;
    metric.gauge.value = value;
    family.metric.push_back(metric);
    return family;
  }

  const std::function<ServerState()> state_;
};

}  // namespace

Metrics::Metrics() : registry_(std::make_shared<prometheus::Registry>()) {
  auto& published = prometheus::BuildCounter()
                        .Name("weir_events_published_total")
                        .Help("Events of publishers, by what became of them.")
                        .Register(*registry_);
  stored_ = &published.Add({{"outcome", "stored"}});
  duplicate_ = &published.Add({{"outcome", "duplicate"}});
  refused_ = &published.Add({{"outcome", "refused"}});
  access_refused_ =
      &prometheus::BuildCounter()
           .Name("weir_access_refused_total")
           .Help("Calls, and events of publishers (PUBLISH_DENIED), that were refused for who called, by reason.")
           .Register(*registry_);
  commit_events_ = &prometheus::BuildHistogram()
                        .Name("weir_commit_events")
                        .Help("Events in one append to the log.")
                        .Register(*registry_)
                        .Add({}, prometheus::Histogram::BucketBoundaries{1, 4, 16, 64, 256, 1024, 4096});
  commit_seconds_ =
      &prometheus::BuildHistogram()
           .Name("weir_commit_seconds")
           .Help("How long an append to the log took.")
           .Register(*registry_)
           .Add({}, prometheus::Histogram::BucketBoundaries{0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1});
}

void Metrics::CountPublished(const PublishCounts& counts) {
  stored_->Increment(static_cast<double>(counts.stored));
  duplicate_->Increment(static_cast<double>(counts.duplicate));
  refused_->Increment(static_cast<double>(counts.refused));
  if (counts.denied > 0) {
    CountAccessRefused(v1::ERROR_REASON_PUBLISH_DENIED, counts.denied);
  }
}

void Metrics::CountAccessRefused(v1::ErrorReason reason, size_t count) {
  access_refused_->Add({{"reason", std::string(NameOf(reason))}}).Increment(static_cast<double>(count));
}

void Metrics::ObserveCommit(size_t events, absl::Duration took) {
  commit_events_->Observe(static_cast<double>(events));
  commit_seconds_->Observe(absl::ToDoubleSeconds(took));
}

std::shared_ptr<prometheus::Collectable> StateMetrics(std::function<ServerState()> state) {
  return std::make_shared<StateCollectable>(std::move(state));
}

}  // namespace weir::server
