#include "server/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/histogram.h>

#include <string>
#include <utility>

#include "base/metric_family.h"

namespace weir::server {
namespace {

using prometheus::MetricFamily;

class StateCollectable final : public prometheus::Collectable {
 public:
  explicit StateCollectable(std::function<ServerState()> state) : state_(std::move(state)) {}

  std::vector<MetricFamily> Collect() const override {
    using prometheus::MetricType;
    const ServerState state = state_();
    std::vector<MetricFamily> families;
    const auto gauge = [&families](const char* name, const char* help, auto value) {
      AddMetric(families, name, help, MetricType::Gauge, static_cast<double>(value));
    };
    gauge("weir_publish_queue_events", "Events waiting for the committer.", state.publish_queue_events);
    gauge("weir_publish_streams", "Open PublishStream streams.", state.publish_streams);
    MetricFamily subscriptions =
        MakeFamily("weir_subscriptions", "Open Subscribe streams, by where they read.", MetricType::Gauge);
    AddValue(subscriptions, state.subscriptions - state.subscriptions_catching_up, {{"state", "live"}});
    AddValue(subscriptions, state.subscriptions_catching_up, {{"state", "catching_up"}});
    families.push_back(std::move(subscriptions));
    gauge("weir_log_stored_bytes", "Bytes of events in the log.", state.log.bytes);
    gauge("weir_log_head_sequence", "The number of the newest durable event.", state.log.head);
    gauge("weir_log_earliest_sequence", "The number of the first retained event.", state.log.earliest);
    gauge("weir_log_poisoned", "1 when a sync failed and only a restart helps.", state.poisoned ? 1 : 0);
    gauge("weir_tail_bytes", "Memory of the newest events that live readers share.", state.tail_bytes);
    gauge("weir_grpc_connections", "Open gRPC connections.", state.connections.open);
    gauge("weir_grpc_connections_max",
          "gRPC connections that are let in: limits.connections_max, or as many as there are file descriptors for.",
          state.connections.connections_max);
    MetricFamily refused =
        MakeFamily("weir_grpc_connections_refused_total",
                   "gRPC connections that were closed unread, by the limit that they were above.", MetricType::Counter);
    AddValue(refused, static_cast<double>(state.connections.refused), {{"limit", "connections_max"}});
    AddValue(refused, static_cast<double>(state.connections.refused_of_address),
             {{"limit", "connections_per_address"}});
    families.push_back(std::move(refused));
    MetricFamily calls =
        MakeFamily("weir_grpc_calls_refused_total", "gRPC calls that were refused, by the limit that they were above.",
                   MetricType::Counter);
    for (const LimitRefusals& one : state.refused) {
      AddValue(calls, static_cast<double>(one.calls), {{"limit", std::string(one.limit)}});
    }
    families.push_back(std::move(calls));
    return families;
  }

 private:
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
