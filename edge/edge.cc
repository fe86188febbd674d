#include "edge/edge.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <utility>

#include "base/logging.h"
#include "base/text.h"

namespace weir::edge {
namespace {

uint32_t PresentationsOf(const Routes& routes) { return static_cast<uint32_t>(routes.presentations().size()); }

size_t CountSame(const Routes& before, const Routes& after) {
  size_t same = 0;
  for (const std::shared_ptr<const Route>& route : after.all()) {
    same += before.Find(route->path) == route ? 1 : 0;
  }
  return same;
}

}  // namespace

Edge::Edge(EdgeConfig config)
    : config_(std::move(config)),
      client_({.server = config_.server.ToString(), .name = "weir-edge"}),
      schemas_(client_),
      tail_({.bytes_max = config_.tail_bytes_max, .presentations = PresentationsOf(config_.routes)}),
      history_client_({.server = config_.server.ToString(), .name = "weir-edge-history"}),
      history_queue_(history_.emplace(history_client_, schemas_), config_.limits.history_reads_max) {
  const HubServices services = {tail_, history_queue_, connections_};
  for (uint32_t i = 0; i < config_.threads; ++i) {
    HubOptions options;
    options.send_buffer_bytes = config_.limits.send_buffer_bytes;
    options.slow_reader_timeout = config_.limits.slow_reader_timeout;
    hubs_.push_back(std::make_unique<FanoutHub>(options, services));
  }
}

absl::Status Edge::Start() {
  std::vector<Hub*> hubs;
  for (const auto& hub : hubs_) {
    hubs.push_back(hub.get());
  }
  absl::StatusOr<std::unique_ptr<FrontEnd>> front = FrontEnd::Start(config_, std::move(hubs), http_metrics_);
  if (!front.ok()) {
    return front.status();
  }
  front_ = *std::move(front);
  upstream_.emplace(client_, schemas_, tail_,
                    UpstreamOptions{.filters = config_.routes.upstream_filters(), .history = config_.tail_history});
  return absl::OkStatus();
}

void Edge::Reload(absl::StatusOr<EdgeConfig> next) {
  const absl::Status status = next.ok() ? TakeOver(*std::move(next)) : next.status();
  if (status.ok()) {
    ++reloads_.ok;
  } else {
    ++reloads_.failed;
    spdlog::error("reload: {}; the configuration in force stays", Message(status));
  }
}

// The upstream asks for new filters before anybody can read them, and for old ones until nobody does.
absl::Status Edge::TakeOver(EdgeConfig next) {
  const std::vector<std::string_view> fixed = KeepFixed(config_, next);
  if (config_.verifier != nullptr && next.verifier != nullptr && next.verifier->SameRules(*config_.verifier) &&
      next.verifier->SameKeys(*config_.verifier)) {
    next.verifier = config_.verifier;
  }
  if (config_.tls != nullptr && next.tls != nullptr && next.tls->SameAs(*config_.tls)) {
    next.tls = config_.tls;  // with its tickets
  }
  size_t filters_asked = config_.routes.upstream_filters().size();
  absl::Status status =
      next.routes.Succeed(config_.routes, [&](const std::vector<std::string>& filters, uint32_t presentations) {
        filters_asked = filters.size();
        return upstream_->Reopen(filters, presentations);
      });
  if (!status.ok()) {
    return status;
  }
  const size_t same = CountSame(config_.routes, next.routes);
  const size_t before = config_.routes.all().size();
  const absl::StatusOr<bool> old_readers_gone = front_->Reload(next);
  if (old_readers_gone.ok()) {
    config_ = std::move(next);
  }
  if (!old_readers_gone.value_or(true)) {
    spdlog::warn(
        "reload: not all readers of the routes before could be ended yet; their filters stay until the next one");
  } else if (config_.routes.upstream_filters().size() < filters_asked) {
    upstream_->Reopen(config_.routes.upstream_filters(), PresentationsOf(config_.routes));
  }
  if (!old_readers_gone.ok()) {
    return old_readers_gone.status();
  }
  if (!fixed.empty()) {
    spdlog::warn("reload: {} cannot change without a restart, and stay as they are", fmt::join(fixed, ", "));
  }
  static_cast<void>(SetLogLevel(config_.log_level));
  const size_t now = config_.routes.all().size();
  spdlog::info("reload: taken over; of {} routes {} go on, {} are new or changed, {} are gone or changed", before, same,
               now - same, before - same);
  return absl::OkStatus();
}

absl::Status Edge::Readiness() const {
  if (draining_) {
    return absl::UnavailableError("the edge is shutting down");
  }
  // Its streams stay, and it recovers by itself: a reason to send it no new readers, none to restart it.
  if (upstream_->status().refused) {
    return absl::UnavailableError("the server refuses the subscription, see the log; it is asked again every minute");
  }
  return tail_.state().ready ? absl::OkStatus() : absl::UnavailableError("the recent events are not read yet");
}

std::vector<std::shared_ptr<prometheus::Collectable>> Edge::Metrics() const {
  std::vector<const HubCounters*> counters;
  for (const auto& hub : hubs_) {
    counters.push_back(&hub->counters());
  }
  return {http_metrics_,
          std::make_shared<EdgeMetrics>(tail_, history_queue_, upstream_->status(), reloads_, std::move(counters))};
}

void Edge::Drain() {
  spdlog::info("shutting down: ending streams over {}", absl::FormatDuration(config_.drain_window));
  draining_ = true;
  front_->Drain();
}

}  // namespace weir::edge
