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
      Family("weir_edge_http_attempts_limited_total", "Attempts to open a stream beyond the rate of their address",
             prometheus::MetricType::Counter);
  limited.metric.emplace_back().counter.value = static_cast<double>(limited_.load(std::memory_order_relaxed));
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
  return {std::move(answers), std::move(connections),  std::move(refused),
          std::move(limited), std::move(answer_bytes), std::move(handshakes)};
}

}  // namespace weir::edge
