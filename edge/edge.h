// weir-edge without its process: everything between the server and the browsers, wired together.
#ifndef WEIR_EDGE_EDGE_H_
#define WEIR_EDGE_EDGE_H_

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "edge/config.h"
#include "edge/edge_metrics.h"
#include "edge/fanout_hub.h"
#include "edge/history_client.h"
#include "edge/http/front_end.h"
#include "edge/revocation_feed.h"
#include "edge/schema_cache.h"
#include "edge/upstream.h"
#include "weir/client.h"

namespace weir::edge {

// What the refresher in force says. Any thread.
class JwksMetrics : public prometheus::Collectable {
 public:
  void Set(std::shared_ptr<const JwksRefresher> jwks) {
    const std::lock_guard lock(mutex_);
    jwks_ = std::move(jwks);
  }
  std::vector<prometheus::MetricFamily> Collect() const override {
    const std::lock_guard lock(mutex_);
    return jwks_ != nullptr ? jwks_->Collect() : std::vector<prometheus::MetricFamily>();
  }
  std::string Warning() const {
    const std::lock_guard lock(mutex_);
    return jwks_ != nullptr ? jwks_->Warning() : "";
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const JwksRefresher> jwks_ ABSL_GUARDED_BY(mutex_);
};

// One thread's, but for Readiness, Warning and what Metrics returns, which any thread may ask after Start.
class Edge {
 public:
  explicit Edge(EdgeConfig config);
  ~Edge();
  Edge(const Edge&) = delete;
  Edge& operator=(const Edge&) = delete;

  // Opens the listeners and begins to fill the tail. Once.
  absl::Status Start();

  // Serves by this configuration from now on, as far as it can without a restart; what cannot change is named in the
  // log, and stays. An error is logged, and nothing changes. Streams of which nothing changed go on: see ADR 0007.
  void Reload(absl::StatusOr<EdgeConfig> next);

  absl::Status Readiness() const;
  // What an operator should know of, although it is ready; empty: nothing.
  std::string Warning() const { return jwks_metrics_->Warning(); }
  std::vector<std::shared_ptr<prometheus::Collectable>> Metrics() const;
  const Address& address() const { return front_->address(); }

  // Ends everything in order. Once, and nothing else afterwards.
  void Drain();

 private:
  absl::Status TakeOver(EdgeConfig next) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  ClientOptions ConnectionAs(const std::string& name) const;
  void SetCredentials(const EdgeConfig& config, const std::function<std::string()>& token);
  void FetchKeys();
  // What of it is judged by what is revoked.
  void JudgeRevoked(AuthConfig& auth) const;
  void ReadRevocations();
  void OnKeys(const std::string& issuer, std::vector<JwtKey> keys);

  // Members are destroyed from the last to the first: first who reads the tail, then who fills it, then what they all
  // use.
  mutable std::mutex mutex_;            // a reload and fetched keys change the same
  EdgeConfig config_;                   // in force; only `auth` changes on another thread
  std::function<std::string()> token_;  // from its server_token_file; null without
  std::atomic<bool> draining_ = false;
  ReloadCounts reloads_;
  Client client_;
  SchemaCache schemas_;
  Tail tail_;
  ConnectionCensus census_;
  // Its client is destroyed before it, and so waits for the answers that it still handles.
  std::optional<HistoryClient> history_;
  Client history_client_;
  HistoryQueue history_queue_;
  std::vector<std::unique_ptr<FanoutHub>> hubs_;
  std::optional<Upstream> upstream_;
  const std::shared_ptr<HttpMetrics> http_metrics_ = std::make_shared<HttpMetrics>();
  std::unique_ptr<FrontEnd> front_;
  const std::shared_ptr<JwksMetrics> jwks_metrics_ = std::make_shared<JwksMetrics>();
  std::shared_ptr<JwksRefresher> jwks_;  // of the configuration in force
  const std::shared_ptr<Revocations> revocations_ = std::make_shared<Revocations>("weir_edge");
  std::atomic<bool> reads_revocations_ = false;
  std::optional<RevocationFeed> revocation_feed_;  // from the first configuration on that judges tokens
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_EDGE_H_
