#include "edge/edge_metrics.h"

#include <limits>
#include <string>
#include <utility>

#include "base/metric_family.h"

namespace weir::edge {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

double EdgeMetrics::Sum(const std::function<uint64_t(const HubCounters&)>& value) const {
  uint64_t sum = 0;
  for (const HubCounters* const hub : hubs_) {
    sum += value(*hub);
  }
  return static_cast<double>(sum);
}

std::vector<MetricFamily> EdgeMetrics::Collect() const {
  std::vector<MetricFamily> out;
  AddStreams(out);
  AddHubs(out);
  AddTail(out);
  AddUpstream(out);
  MetricFamily reloads =
      MakeFamily("weir_edge_config_reloads_total",
                 "Reloads of the configuration, by result: an error leaves it as it was.", MetricType::Counter);
  AddValue(reloads, static_cast<double>(reloads_.ok), {{"result", "ok"}});
  AddValue(reloads, static_cast<double>(reloads_.failed), {{"result", "error"}});
  out.push_back(std::move(reloads));
  return out;
}

void EdgeMetrics::AddStreams(std::vector<MetricFamily>& out) const {
  AddMetric(out, "sse_connections_total", "Open streams, over SSE and WebSocket.", MetricType::Gauge,
            Sum([](const HubCounters& hub) { return hub.open_streams.get(); }));

  AddMetric(out, "weir_edge_websockets", "Of the open streams those that are WebSockets.", MetricType::Gauge,
            Sum([](const HubCounters& hub) { return hub.open_web_sockets.get(); }));
  MetricFamily received =
      MakeFamily("weir_edge_websocket_messages_total",
                 "What clients said on open WebSockets; the first message counts as auth.", MetricType::Counter);
  for (size_t i = 0; i < kMessageKindNames.size(); ++i) {
    AddValue(received, Sum([i](const HubCounters& hub) { return hub.received[i].get(); }),
             {{"type", kMessageKindNames[i]}});
  }
  out.push_back(std::move(received));

  MetricFamily sent = MakeFamily("sse_messages_sent_total", "Events sent, once per reader.", MetricType::Counter);
  const std::vector<std::string> names = tail_.names().names();
  for (size_t i = 0; i < names.size(); ++i) {
    const double count = Sum([i](const HubCounters& hub) { return hub.messages_sent[i].get(); });
    if (count > 0) {
      AddValue(sent, count, {{"event_type", names[i]}});
    }
  }
  out.push_back(std::move(sent));

  MetricFamily durations =
      MakeFamily("sse_connection_duration_seconds", "How long ended streams had lasted.", MetricType::Histogram);
  ClientMetric histogram;
  uint64_t cumulative = 0;
  for (size_t i = 0; i <= kDurationBounds.size(); ++i) {
    cumulative += static_cast<uint64_t>(Sum([i](const HubCounters& hub) { return hub.durations[i].get(); }));
    const double bound = i < kDurationBounds.size() ? kDurationBounds[i] : std::numeric_limits<double>::infinity();
    histogram.histogram.bucket.push_back({cumulative, bound});
  }
  histogram.histogram.sample_count = cumulative;
  histogram.histogram.sample_sum = Sum([](const HubCounters& hub) { return hub.duration_millis_sum.get(); }) / 1000;
  durations.metric.push_back(std::move(histogram));
  out.push_back(std::move(durations));

  MetricFamily resumed = MakeFamily("sse_reconnection_attempts_total",
                                    "Streams opened with a cursor, by how they went on.", MetricType::Counter);
  for (size_t i = 0; i < kResumeResultNames.size(); ++i) {
    AddValue(resumed, Sum([i](const HubCounters& hub) { return hub.resumed[i].get(); }),
             {{"reason", kResumeResultNames[i]}});
  }
  out.push_back(std::move(resumed));
}

void EdgeMetrics::AddHubs(std::vector<MetricFamily>& out) const {
  MetricFamily closed = MakeFamily("weir_edge_streams_closed_total", "Ended streams, by reason.", MetricType::Counter);
  for (size_t i = 0; i < kCloseReasonNames.size(); ++i) {
    AddValue(closed, Sum([i](const HubCounters& hub) { return hub.closed[i].get(); }),
             {{"reason", kCloseReasonNames[i]}});
  }
  out.push_back(std::move(closed));
  struct Row {
    const char* name;
    const char* help;
    MetricType type;
    const HubCounter HubCounters::*counter;
  };
  constexpr MetricType kGauge = MetricType::Gauge;
  constexpr MetricType kCounter = MetricType::Counter;
  const Row rows[] = {
      {"weir_edge_streams_lagging", "Streams with bytes that the kernel did not take.", kGauge, &HubCounters::lagging},
      {"weir_edge_streams_parked", "Streams that wait for the tail or the server.", kGauge, &HubCounters::parked},
      {"weir_edge_bytes_sent_total", "Bytes sent on streams.", kCounter, &HubCounters::bytes_sent},
      {"weir_edge_frames_rendered_total", "Events rendered for the tail's readers.", kCounter,
       &HubCounters::frames_rendered},
      {"weir_edge_gaps_sent_total", "Gap events sent.", kCounter, &HubCounters::gaps_sent},
      {"weir_edge_unrenderable_total", "Events that could not be shown.", kCounter, &HubCounters::unrenderable},
      {"weir_edge_heartbeats_sent_total", "Heartbeats sent.", kCounter, &HubCounters::heartbeats_sent},
      {"weir_edge_polls_total", "Polls taken.", kCounter, &HubCounters::polls},
      {"weir_edge_hub_fell_behind_total", "Times a hub was slower than the tail's window.", kCounter,
       &HubCounters::fell_behind},
  };
  for (const Row& row : rows) {
    AddMetric(out, row.name, row.help, row.type,
              Sum([&row](const HubCounters& hub) { return (hub.*row.counter).get(); }));
  }
}

void EdgeMetrics::AddTail(std::vector<MetricFamily>& out) const {
  const TailState state = tail_.state();
  AddMetric(out, "weir_edge_tail_bytes", "Memory of the tail, rendered frames included.", MetricType::Gauge,
            static_cast<double>(tail_.bytes()));
  AddMetric(out, "weir_edge_tail_events", "Events in the tail.", MetricType::Gauge,
            static_cast<double>(tail_.events()));
  AddMetric(out, "weir_edge_tail_covered_after", "The tail has every event after this sequence.", MetricType::Gauge,
            static_cast<double>(state.covered_after));
  AddMetric(out, "weir_edge_tail_head", "The sequence that the tail has reached.", MetricType::Gauge,
            static_cast<double>(state.head));
  AddMetric(out, "weir_edge_tail_generation", "How often the tail began anew.", MetricType::Gauge, state.generation);
  AddMetric(out, "weir_edge_tail_ready", "1 when the tail was filled.", MetricType::Gauge, state.ready ? 1 : 0);
  AddMetric(out, "weir_edge_history_reads_total", "Reads of history at the server.", MetricType::Counter,
            static_cast<double>(history_.reads_total()));
  AddMetric(out, "weir_edge_history_reads_running", "Reads of history under way.", MetricType::Gauge,
            static_cast<double>(history_.running()));
  AddMetric(out, "weir_edge_history_reads_waiting", "Reads of history that wait their turn.", MetricType::Gauge,
            static_cast<double>(history_.waiting()));
  AddMetric(out, "weir_edge_history_cached_bytes", "Memory of pages of history that slow readers share.",
            MetricType::Gauge, static_cast<double>(history_.cached_bytes()));
}

void EdgeMetrics::AddUpstream(std::vector<MetricFamily>& out) const {
  AddMetric(out, "weir_edge_upstream_connected", "1 while the subscription at the server is open.", MetricType::Gauge,
            upstream_.connected ? 1 : 0);
  AddMetric(out, "weir_edge_upstream_refused", "1 while the server refuses the subscription; it is asked again slowly.",
            MetricType::Gauge, upstream_.refused ? 1 : 0);
  AddMetric(out, "weir_edge_upstream_head", "The server's newest sequence, as last heard.", MetricType::Gauge,
            static_cast<double>(upstream_.server_head));
  const auto counter = [&out](const char* name, const char* help, const std::atomic<uint64_t>& value) {
    AddMetric(out, name, help, MetricType::Counter, static_cast<double>(value));
  };
  counter("weir_edge_upstream_connects_total", "Subscriptions begun.", upstream_.connects);
  counter("weir_edge_upstream_disconnects_total", "Subscriptions lost.", upstream_.disconnects);
  counter("weir_edge_upstream_batches_total", "Batches of events received.", upstream_.batches);
  counter("weir_edge_upstream_bytes_total", "Bytes of events received.", upstream_.bytes);
  counter("weir_edge_upstream_gaps_total", "Gaps that the server announced.", upstream_.gaps);
  counter("weir_edge_upstream_schema_changes_total", "Schemas taken into use.", upstream_.schema_changes);
}

}  // namespace weir::edge
