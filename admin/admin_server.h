// The admin listener of a daemon: health, readiness and metrics over HTTP/1.1.
//
//   GET /healthz  200 `ok`, or 503 with the reason: the process should be restarted
//   GET /readyz   200 `ok`, perhaps with a line of warning, or 503 with the reason: send it no work for now
//   GET /metrics  the metrics in Prometheus' text format
//
// HEAD works alike. All else is 404 or 405; errors are `application/problem+json`. Pages of other origins are
// refused with 403 (browser_guard.h), and no answer has a CORS header. It has no authentication: listen on
// loopback or on a network of your own.
#ifndef WEIR_ADMIN_ADMIN_SERVER_H_
#define WEIR_ADMIN_ADMIN_SERVER_H_

#include <prometheus/collectable.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/address.h"

namespace weir {

struct AdminOptions {
  // Called on the listener's thread for each request: quick, and safe beside all other threads. The message of a status
  // that is not OK is shown. Unset: always OK.
  std::function<absl::Status()> health;
  std::function<absl::Status()> ready;
  // A line that /readyz says beside `ok`: what an operator should know of, although it works. Called likewise. Empty,
  // or unset: none.
  std::function<std::string()> ready_note;

  // Collected on the listener's thread for each scrape. Names of families differ across them.
  std::vector<std::shared_ptr<prometheus::Collectable>> collectables;

  // Open connections; as many again get 503 and are closed, further ones are closed unanswered.
  size_t connections_max = 64;

  // Bytes of a request's head; longer ones get 431.
  size_t head_bytes_max = 8192;

  // How long a request's head may take from its first byte, and a response to be taken; then the connection is closed.
  absl::Duration exchange_timeout = absl::Seconds(10);

  // How long a connection may idle before a request: longer than Prometheus' usual interval of a minute.
  absl::Duration idle_timeout = absl::Seconds(90);
};

// Serves on a thread of its own until it is destroyed. Any thread may destroy it; not from its callbacks.
class AdminServer {
 public:
  // Listens; port 0 takes a free one. The operating system's error, with the address in it, when that is not possible.
  static absl::StatusOr<std::unique_ptr<AdminServer>> Start(const Address& address, AdminOptions options);
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  // The port that is listened on.
  uint16_t port() const;

 private:
  class Impl;

  explicit AdminServer(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace weir

#endif  // WEIR_ADMIN_ADMIN_SERVER_H_
