// What the HTTP front end counts, for Prometheus. Any thread.
//
//   weir_edge_http_requests_total{status="404"}     answers by status; a stream counts as 200 when it begins
//   weir_edge_http_connections                      open connections that are not streams
//   weir_edge_http_connections_refused_total        connections far above the limit, closed unread
//   weir_edge_tls_handshakes_total{result="ok"}     TLS handshakes by what became of them
#ifndef WEIR_EDGE_HTTP_HTTP_METRICS_H_
#define WEIR_EDGE_HTTP_HTTP_METRICS_H_

#include <prometheus/collectable.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "edge/tls/session.h"

namespace weir::edge {

class HttpMetrics : public prometheus::Collectable {
 public:
  void CountAnswer(int status) {
    if (status >= 100 && status < 600) {
      answers_[static_cast<size_t>(status)].fetch_add(1, std::memory_order_relaxed);
    }
  }
  void CountLimited() { limited_.fetch_add(1, std::memory_order_relaxed); }
  void CountHandshake(TlsResult result) {
    handshakes_[static_cast<size_t>(result)].fetch_add(1, std::memory_order_relaxed);
  }
  void CountRefused() { refused_.fetch_add(1, std::memory_order_relaxed); }
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
  std::atomic<uint64_t> limited_ = 0;
  std::atomic<size_t> connections_ = 0;
  std::atomic<size_t> answer_bytes_ = 0;
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_HTTP_HTTP_METRICS_H_
