// How many connections the edge has, and whether it takes more. Shared by all listeners; any thread.
//
// Above `connections_max` requests are still read, so that each client can be sent away in the way it understands;
// above that by a further sixteenth (at least 16, at most 1,024) a connection is closed unread: browsers come back
// after that. Answers that their clients have not taken yet have room of `answer_bytes_max` together.
#ifndef WEIR_EDGE_HTTP_ADMISSION_H_
#define WEIR_EDGE_HTTP_ADMISSION_H_

#include <algorithm>
#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "edge/http/attempt_limiter.h"
#include "edge/http/http_metrics.h"
#include "edge/hub.h"

namespace weir::edge {

class Admission {
 public:
  // The hubs' streams are connections too. They and the metrics must outlive this.
  Admission(size_t connections_max, size_t answer_bytes_max, size_t attempts_per_minute, std::vector<const Hub*> hubs,
            HttpMetrics& metrics)
      : attempts_(attempts_per_minute),
        connections_max_(connections_max),
        answer_bytes_max_(answer_bytes_max),
        hubs_(std::move(hubs)),
        metrics_(metrics) {}

  size_t total() const {
    size_t total = metrics_.connections();
    for (const Hub* hub : hubs_) {
      total += hub->open_streams();
    }
    return total;
  }
  bool overloaded() const { return total() > connections_max_.load(std::memory_order_relaxed); }
  bool full() const {
    const size_t most = connections_max_.load(std::memory_order_relaxed);
    return total() >= most + std::clamp<size_t>(most / 16, 16, 1024);
  }

  void SetLimits(size_t connections_max, size_t answer_bytes_max, size_t attempts_per_minute) {
    attempts_.SetRate(attempts_per_minute);
    connections_max_.store(connections_max, std::memory_order_relaxed);
    answer_bytes_max_.store(answer_bytes_max, std::memory_order_relaxed);
  }

  // Counts an attempt of the socket's peer to open a stream. False: its address makes too many.
  bool MayAttempt(const Socket& socket, AttemptLimiter::Instant now) {
    if (!attempts_.limits()) {
      return true;
    }
    boost::system::error_code error;
    const auto peer = socket.remote_endpoint(error);
    if (error || attempts_.Allow(AddressKey(peer.address()), now)) {
      return true;
    }
    metrics_.CountLimited();
    return false;
  }

  // Room for an answer until its client has taken it. False: there is none, and nothing is to be given back.
  bool TakeRoom(size_t bytes) {
    if (metrics_.AddAnswerBytes(bytes) <= answer_bytes_max_.load(std::memory_order_relaxed)) {
      return true;
    }
    metrics_.SubtractAnswerBytes(bytes);
    return false;
  }
  void GiveBackRoom(size_t bytes) { metrics_.SubtractAnswerBytes(bytes); }

  HttpMetrics& metrics() { return metrics_; }

  // The edge is about to end.
  void BeginDrain() { draining_.store(true, std::memory_order_relaxed); }
  bool draining() const { return draining_.load(std::memory_order_relaxed); }

 private:
  // An IPv4 address, or an IPv6 network of 64 bits: what one subscriber is given.
  static uint64_t AddressKey(const boost::asio::ip::address& address) {
    if (address.is_v4()) {
      return address.to_v4().to_uint();
    }
    const auto bytes = address.to_v6().to_bytes();
    uint64_t key = 0;
    for (size_t i = 0; i < 8; ++i) {
      key = key << 8U | bytes[i];
    }
    return key;
  }

  AttemptLimiter attempts_;
  std::atomic<size_t> connections_max_;
  std::atomic<size_t> answer_bytes_max_;
  const std::vector<const Hub*> hubs_;
  HttpMetrics& metrics_;
  std::atomic<bool> draining_ = false;
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_HTTP_ADMISSION_H_
