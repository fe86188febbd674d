#include "edge/http/http_metrics.h"

#include <prometheus/metric_family.h>

#include <string>
#include <utility>

namespace weir::edge {
namespace {

prometheus::MetricFamily Family(std::string name, std::string help, prometheus::MetricType type) {
  prometheus::MetricFamily family;
  family.name = std::move(name);
  family.help = std::move(help);
  family.type = type;
  return family;
}

}  // namespace

std::string_view LimitName(Limit limit) {
  switch (limit) {
    case Limit::kConnectionsPerAddress:
      return "connections_per_address";
    case Limit::kConnectionsPerPrincipal:
      return "connections_per_principal";
    case Limit::kConnectsPerMinute:
      return "connects_per_minute";
    case Limit::kAttemptsPerMinute:
      return "attempts_per_minute";
    case Limit::kPollsPerMinute:
      return "polls_per_minute";
  }
  return "";
}

std::vector<prometheus::MetricFamily> HttpMetrics::Collect() const {
  prometheus::MetricFamily answers =
      Family("weir_edge_http_requests_total", "Answered requests by status", prometheus::MetricType::Counter);
  for (size_t status = 0; status < answers_.size(); ++status) {
    if (const uint64_t count = answers_[status].load(std::memory_order_relaxed); count > 0) {
      prometheus::ClientMetric& metric = answers.metric.emplace_back();
      metric.label = {{"status", std::to_string(status)}};
      metric.counter.value = static_cast<double>(count);
    }
  }
  prometheus::MetricFamily connections =
      Family("weir_edge_http_connections", "Open connections that are not streams", prometheus::MetricType::Gauge);
  connections.metric.emplace_back().gauge.value = static_cast<double>(this->connections());
  prometheus::MetricFamily refused =
      Family("weir_edge_http_connections_refused_total", "Connections closed unread, far above the limit",
             prometheus::MetricType::Counter);
  refused.metric.emplace_back().counter.value = static_cast<double>(refused_.load(std::memory_order_relaxed));
  prometheus::MetricFamily limited =
      Family("weir_edge_http_limited_total", "What was refused by a limit of one client, by the limit",
             prometheus::MetricType::Counter);
  for (size_t i = 0; i < kLimits; ++i) {
    prometheus::ClientMetric& metric = limited.metric.emplace_back();
    metric.label = {{"limit", std::string(LimitName(static_cast<Limit>(i)))}};
    metric.counter.value = static_cast<double>(limited_[i].load(std::memory_order_relaxed));
  }
  prometheus::MetricFamily proxied =
      Family("weir_edge_http_proxy_headers_refused_total",
             "Connections of trusted proxies that did not begin with a good header of the PROXY protocol",
             prometheus::MetricType::Counter);
  proxied.metric.emplace_back().counter.value = static_cast<double>(bad_proxy_headers_.load(std::memory_order_relaxed));
  prometheus::MetricFamily most =
      Family("weir_edge_http_connections_max",
             "Connections that are let in: limits.connections_max, or as many as there are file descriptors for",
             prometheus::MetricType::Gauge);
  most.metric.emplace_back().gauge.value = static_cast<double>(connections_max_.load(std::memory_order_relaxed));
  prometheus::MetricFamily answer_bytes =
      Family("weir_edge_http_answer_bytes", "Bytes of large answers that clients have yet to take",
             prometheus::MetricType::Gauge);
  answer_bytes.metric.emplace_back().gauge.value = static_cast<double>(answer_bytes_.load(std::memory_order_relaxed));
  prometheus::MetricFamily handshakes = Family(
      "weir_edge_tls_handshakes_total", "TLS handshakes, by what became of them", prometheus::MetricType::Counter);
  for (size_t i = 0; i < kTlsResultNames.size(); ++i) {
    prometheus::ClientMetric& metric = handshakes.metric.emplace_back();
    metric.label = {{"result", kTlsResultNames[i]}};
    metric.counter.value = static_cast<double>(handshakes_[i].load(std::memory_order_relaxed));
  }
  return {std::move(answers),      std::move(connections), std::move(refused), std::move(limited),
          std::move(answer_bytes), std::move(most),        std::move(proxied), std::move(handshakes)};
}

}  // namespace weir::edge
