// What the HTTP front end counts, for Prometheus. Any thread.
//
//   weir_edge_http_requests_total{status="404"}     answers by status; a stream counts as 200 when it begins
//   weir_edge_http_connections                      open connections that are not streams
//   weir_edge_http_connections_max                  as configured, or as many as the descriptors allow
//   weir_edge_http_connections_refused_total        connections far above the limit, closed unread
//   weir_edge_tls_handshakes_total{result="ok"}     TLS handshakes by what became of them
//   weir_edge_http_proxy_headers_refused_total      connections of trusted proxies without a good PROXY header
//   weir_edge_http_limited_total{limit="…"}         what was refused or ended by a limit, by the limit's name
#ifndef WEIR_EDGE_HTTP_HTTP_METRICS_H_
#define WEIR_EDGE_HTTP_HTTP_METRICS_H_

#include <prometheus/collectable.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "edge/tls/session.h"

namespace weir::edge {

// The limits that refuse or end something, named as in EdgeLimits.
enum class Limit : uint8_t {
  kConnectionsMax,  // in the headroom; far above it is kept apart
  kAnswerBytesMax,
  kHeadTimeout,
  kKeepAliveTimeout,
  kSlowReaderTimeout,  // of answers; a stream's end has its reason
  kConnectionsPerAddress,
  kConnectionsPerPrincipal,
  kConnectsPerMinute,
  kAttemptsPerMinute,
  kPollsPerMinute,
  kWebSocketMessagesPerMinute,  // before the first message; as above
};
inline constexpr size_t kLimits = 11;
std::string_view LimitName(Limit limit);

class HttpMetrics : public prometheus::Collectable {
 public:
  void CountAnswer(int status) {
    if (status >= 100 && status < 600) {
      answers_[static_cast<size_t>(status)].fetch_add(1, std::memory_order_relaxed);
    }
  }
  void CountLimited(Limit limit) { limited_[static_cast<size_t>(limit)].fetch_add(1, std::memory_order_relaxed); }
  void CountHandshake(TlsResult result) {
    handshakes_[static_cast<size_t>(result)].fetch_add(1, std::memory_order_relaxed);
  }
  void CountRefused() { refused_.fetch_add(1, std::memory_order_relaxed); }
  void CountBadProxyHeader() { bad_proxy_headers_.fetch_add(1, std::memory_order_relaxed); }
  void SetConnectionsMax(size_t most) { connections_max_.store(most, std::memory_order_relaxed); }
  void Opened() { connections_.fetch_add(1, std::memory_order_relaxed); }
  void Closed() { connections_.fetch_sub(1, std::memory_order_relaxed); }
  // Bytes of answers under way.
  size_t AddAnswerBytes(size_t bytes) { return answer_bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes; }
  void SubtractAnswerBytes(size_t bytes) { answer_bytes_.fetch_sub(bytes, std::memory_order_relaxed); }
  size_t connections() const { return connections_.load(std::memory_order_relaxed); }

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  std::array<std::atomic<uint64_t>, 600> answers_ = {};
  std::array<std::atomic<uint64_t>, kTlsResultNames.size()> handshakes_ = {};
  std::atomic<uint64_t> refused_ = 0;
  std::array<std::atomic<uint64_t>, kLimits> limited_ = {};
  std::atomic<uint64_t> bad_proxy_headers_ = 0;
  std::atomic<size_t> connections_max_ = 0;
  std::atomic<size_t> connections_ = 0;
  std::atomic<size_t> answer_bytes_ = 0;
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_HTTP_HTTP_METRICS_H_
