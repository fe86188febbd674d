#include "edge/http/http_metrics.h"

#include <string>
#include <utility>

#include "base/metric_family.h"

namespace weir::edge {

std::string_view LimitName(Limit limit) {
  switch (limit) {
    case Limit::kConnectionsMax:
      return "connections_max";
    case Limit::kAnswerBytesMax:
      return "answer_bytes_max";
    case Limit::kHeadTimeout:
      return "head_timeout";
    case Limit::kKeepAliveTimeout:
      return "keep_alive_timeout";
    case Limit::kSlowReaderTimeout:
      return "slow_reader_timeout";
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
    case Limit::kWebSocketMessagesPerMinute:
      return "websocket_messages_per_minute";
  }
  return "";
}

std::vector<prometheus::MetricFamily> HttpMetrics::Collect() const {
  using prometheus::MetricType;
  const auto read = [](const auto& value) { return static_cast<double>(value.load(std::memory_order_relaxed)); };
  std::vector<prometheus::MetricFamily> out;
  auto answers = MakeFamily("weir_edge_http_requests_total", "Answered requests by status", MetricType::Counter);
  for (size_t status = 0; status < answers_.size(); ++status) {
    if (const double count = read(answers_[status]); count > 0) {
      AddValue(answers, count, {{"status", std::to_string(status)}});
    }
  }
  out.push_back(std::move(answers));
  AddMetric(out, "weir_edge_http_connections", "Open connections that are not streams", MetricType::Gauge,
            read(connections_));
  AddMetric(out, "weir_edge_http_connections_refused_total", "Connections closed unread, far above the limit",
            MetricType::Counter, read(refused_));
  auto limited = MakeFamily("weir_edge_http_limited_total", "What was refused or ended by a limit, by the limit",
                            MetricType::Counter);
  for (size_t i = 0; i < kLimits; ++i) {
    AddValue(limited, read(limited_[i]), {{"limit", std::string(LimitName(static_cast<Limit>(i)))}});
  }
  out.push_back(std::move(limited));
  AddMetric(out, "weir_edge_http_answer_bytes", "Bytes of large answers that clients have yet to take",
            MetricType::Gauge, read(answer_bytes_));
  AddMetric(out, "weir_edge_http_connections_max",
            "Connections that are let in: limits.connections_max, or as many as there are file descriptors for",
            MetricType::Gauge, read(connections_max_));
  AddMetric(out, "weir_edge_http_proxy_headers_refused_total",
            "Connections of trusted proxies that did not begin with a good header of the PROXY protocol",
            MetricType::Counter, read(bad_proxy_headers_));
  auto handshakes =
      MakeFamily("weir_edge_tls_handshakes_total", "TLS handshakes, by what became of them", MetricType::Counter);
  for (size_t i = 0; i < kTlsResultNames.size(); ++i) {
    AddValue(handshakes, read(handshakes_[i]), {{"result", kTlsResultNames[i]}});
  }
  out.push_back(std::move(handshakes));
  return out;
}

}  // namespace weir::edge
