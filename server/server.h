// A running EventBus: a log, the event types, and everything between them and gRPC. main.cc makes one, and so do tests.
//
// Owns the log. Start, Drain and the destructor are for one thread; the rest for any.
#ifndef WEIR_SERVER_SERVER_H_
#define WEIR_SERVER_SERVER_H_

#include <prometheus/collectable.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/address.h"
#include "base/clock.h"
#include "base/tls_files.h"
#include "log/log_engine.h"
#include "server/auth/access_policy.h"
#include "server/publish/batch.h"
#include "server/publish/committer.h"
#include "server/publish/validator.h"
#include "server/retention.h"
#include "server/rpc/grpc_listener.h"
#include "server/schema/event_types.h"
#include "server/subscribe/live_tail.h"

namespace weir::server {

struct ServerOptions {
  // Port 0 takes a free one.
  Address listen{.host = "127.0.0.1", .port = 50051};
  // Without a certificate: no TLS.
  TlsFiles tls = {};
  // When a connection is ended, so that its caller's certificate is judged anew.
  absl::Duration connection_age_max = absl::InfiniteDuration();
  // Above these a new connection is closed unread.
  ConnectionLimits connections = {};
  size_t event_bytes_max = kEventBytesMaxDefault;
  size_t publish_queue_events_max = 65'536;
  size_t publish_queue_bytes_max = 64 << 20;
  int publish_streams_max = 1'024;
  int subscriptions_max = 1'024;
  size_t tail_bytes_max = kTailBytesMaxDefault;
  // What comes in, held by gRPC or waiting to be stored. Near it connections are read more slowly; beyond it gRPC ends
  // calls at random with RESOURCE_EXHAUSTED.
  size_t grpc_bytes_max = 512 << 20;
  // Threads that read pages from the log: as many slow disks as readers may wait for at once.
  int read_threads = 4;
  RetentionOptions retention = {};
  // How often it looks whether the log is still healthy, which it may also cease to be between two publishes.
  absl::Duration health_check_interval = absl::Seconds(1);
  // For progress intervals and the ids that the server makes.
  Clock clock = SystemClock();
  // What a drain waits for readers to take their last message; then they are cut.
  absl::Duration drain_timeout = absl::Seconds(5);
  // Who may call, and do what. Null: whoever reaches the server may do everything.
  std::shared_ptr<const AccessPolicy> access = nullptr;
  // For metrics; any thread; may be empty.
  std::function<void(v1::ErrorReason)> on_access_refused = nullptr;
  std::function<void(const PublishCounts&)> on_published = nullptr;
  std::function<void(size_t events, absl::Duration took)> on_commit = nullptr;
};

// Calls that were refused so far for a limit.
struct LimitRefusals {
  std::string_view limit;  // its key in the configuration, or a word of its own
  uint64_t calls = 0;
};

// What a server is doing now.
struct ServerState {
  log::Bounds log;
  bool poisoned = false;
  size_t publish_queue_events = 0;
  int publish_streams = 0;
  int subscriptions = 0;
  int subscriptions_catching_up = 0;
  size_t tail_bytes = 0;
  ConnectionCounts connections;
  std::vector<LimitRefusals> refused;
};

class Server {
 public:
  // UNAVAILABLE when the address cannot be listened on; errors of ReadTlsFiles.
  static absl::StatusOr<std::unique_ptr<Server>> Start(std::unique_ptr<log::LogEngine> log,
                                                       std::shared_ptr<const EventTypes> types, ServerOptions options);
  // Drains.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Where it listens, with the real port.
  Address address() const;

  ServerState state() const;

  // OK, or why no token is taken: which of them are revoked is not known. OK where tokens are not looked at.
  absl::Status TokensReadiness() const;

  // weir_revocations, weir_revocations_complete, weir_revocations_total{result}
  std::shared_ptr<prometheus::Collectable> revocation_metrics() const;

  // Both hold from now on, or neither. The event types: for publishers, and for readers, who learn the new version of
  // the schema with their next message. The policy of access (null: whoever reaches the server may do everything):
  // calls are judged by it; if it is another one, streams that are open are ended, and clients come back.
  // RESOURCE_EXHAUSTED: only a restart can take further event types.
  absl::Status Reload(std::shared_ptr<const EventTypes> types, std::shared_ptr<const AccessPolicy> access);

  // Health says NOT_SERVING, publishes are refused, what is queued is stored and acknowledged, streams end with
  // DRAINING. Returns when no call is left. Once.
  void Drain();

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace weir::server

#endif  // WEIR_SERVER_SERVER_H_
