// Whom the edge takes, and how much of each: connections in total, of an address and of a principal, and how often an
// address connects, opens streams and polls. Shared by all listeners; any thread.
//
// What is new is refused; nothing that is open is ever closed for it. Above `connections_max` requests are still read,
// so that each client can be sent away in the way it understands; above that by a further sixteenth (at least 16, at
// most 1,024) a connection is closed unread: browsers come back after that. So is one beyond its address's limits.
// Answers that their clients have not taken yet have room of `answer_bytes_max` together.
#ifndef WEIR_EDGE_HTTP_ADMISSION_H_
#define WEIR_EDGE_HTTP_ADMISSION_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "edge/connection_counts.h"
#include "edge/http/admission_limits.h"
#include "edge/http/attempt_limiter.h"
#include "edge/http/http_metrics.h"
#include "edge/http/ip_address.h"
#include "edge/hub.h"

namespace weir::edge {

// Who asks.
struct ClientAddress {
  IpAddress address;
  // No limit of an address holds: a trusted proxy itself, or one that connects from loopback and names nobody else.
  bool exempt = false;
};

// What is counted of the connections, by their addresses and by their principals. It outlives everything that is
// counted, so the hubs too.
struct ConnectionCensus {
  ConnectionCounts addresses;
  ConnectionCounts principals;
};

class Admission {
 public:
  // The hubs' streams are connections too. They, the census and the metrics must outlive this.
  Admission(const AdmissionLimits& limits, ConnectionCensus& census, std::vector<const Hub*> hubs,
            HttpMetrics& metrics);

  // From now on. What is open stays.
  void SetLimits(const AdmissionLimits& limits);

  size_t total() const;
  bool overloaded() const { return total() > connections_max_.load(std::memory_order_relaxed); }
  bool full() const;

  // Counts a new connection of that client, in `held` for as long as it is open. False: it is to be closed.
  bool MayConnect(const ClientAddress& client, ConnectionCounts::Held& held, AttemptLimiter::Instant now);
  // As MayConnect, for a connection of a proxy that serves that client just now.
  bool MayHold(const ClientAddress& client, ConnectionCounts::Held& held);
  // Counts an attempt to open a stream, or a poll. False: that client makes too many.
  bool MayAttempt(const ClientAddress& client, AttemptLimiter::Instant now);
  bool MayPoll(const ClientAddress& client, AttemptLimiter::Instant now);
  // Whether that principal has as many streams as it may have. Threads that ask at once may each let one in.
  bool PrincipalFull(std::string_view principal);

  // Room for an answer until its client has taken it. False: there is none, and nothing is to be given back.
  bool TakeRoom(size_t bytes);
  void GiveBackRoom(size_t bytes) { metrics_.SubtractAnswerBytes(bytes); }

  HttpMetrics& metrics() { return metrics_; }

  // The edge is about to end.
  void BeginDrain() { draining_.store(true, std::memory_order_relaxed); }
  bool draining() const { return draining_.load(std::memory_order_relaxed); }

 private:
  bool Allow(AttemptLimiter& limiter, Limit limit, const ClientAddress& client, AttemptLimiter::Instant now);
  // Says in the log, now and then, which address has come to a limit: it may be a proxy nobody has told us about.
  void Complain(const IpAddress& address, std::string_view limit);

  AttemptLimiter connects_;
  AttemptLimiter attempts_;
  AttemptLimiter polls_;
  std::atomic<size_t> connections_max_;
  std::atomic<size_t> answer_bytes_max_;
  std::atomic<int64_t> connections_per_address_;
  std::atomic<int64_t> connections_per_principal_;
  std::atomic<int64_t> next_complaint_ns_ = 0;
  ConnectionCensus& census_;
  const std::vector<const Hub*> hubs_;
  HttpMetrics& metrics_;
  std::atomic<bool> draining_ = false;
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_HTTP_ADMISSION_H_
