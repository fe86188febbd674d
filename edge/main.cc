// weir-edge: brings the events of weir-server to browsers. Wires the parts together; what they do is in their headers.
#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "admin/admin_server.h"
#include "base/logging.h"
#include "base/signals.h"
#include "base/text.h"
#include "base/version.h"
#include "edge/command_line.h"
#include "edge/config.h"
#include "edge/edge_metrics.h"
#include "edge/fanout_hub.h"
#include "edge/history_client.h"
#include "edge/http/front_end.h"
#include "edge/upstream.h"
#include "weir/client.h"

namespace weir::edge {
namespace {

constexpr int kFailure = 1;

int Fail(const absl::Status& status) {
  spdlog::error("{}", Message(status));
  return kFailure;
}

// Descriptors that the process needs besides connections.
constexpr uint64_t kOtherDescriptors = 512;

// A descriptor per connection: takes as many as the system lets it.
void RaiseDescriptorLimit(uint64_t connections_max) {
  rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return;
  }
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < connections_max + kOtherDescriptors) {
    spdlog::warn("the system allows {} open files, which is not enough for limits.connections_max = {}", limit.rlim_max,
                 connections_max);
  }
}

// Everything between the server and the browsers. Members are destroyed from the last to the first: first who reads the
// tail, then who fills it, then what they all use.
class Edge {
 public:
  explicit Edge(const EdgeConfig& config)
      : config_(config),
        client_({.server = config.server.ToString(), .name = "weir-edge"}),
        schemas_(client_),
        tail_({.bytes_max = config.tail_bytes_max,
               .presentations = static_cast<uint32_t>(config.routes.presentations().size())}),
        history_client_({.server = config.server.ToString(), .name = "weir-edge-history"}),
        history_queue_(history_.emplace(history_client_, schemas_), config.limits.history_reads_max) {
    const HubServices services = {tail_, history_queue_, connections_};
    for (uint32_t i = 0; i < config.threads; ++i) {
      HubOptions options;
      options.send_buffer_bytes = config.limits.send_buffer_bytes;
      options.slow_reader_timeout = config.limits.slow_reader_timeout;
      hubs_.push_back(std::make_unique<FanoutHub>(options, services));
    }
  }

  // Opens the listeners and begins to fill the tail.
  absl::Status Start() {
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

  absl::Status Health() const {
    return upstream_->status().refused
               ? absl::UnavailableError(
                     "the server refuses the subscription, see the log; it is asked again every minute")
               : absl::OkStatus();
  }
  absl::Status Readiness() const {
    if (draining_) {
      return absl::UnavailableError("the edge is shutting down");
    }
    return tail_.state().ready ? Health() : absl::UnavailableError("the recent events are not read yet");
  }

  std::vector<std::shared_ptr<prometheus::Collectable>> Metrics() const {
    std::vector<const HubCounters*> counters;
    for (const auto& hub : hubs_) {
      counters.push_back(&hub->counters());
    }
    return {http_metrics_,
            std::make_shared<EdgeMetrics>(tail_, history_queue_, upstream_->status(), std::move(counters))};
  }

  const Address& address() const { return front_->address(); }

  void Drain() {
    draining_ = true;
    front_->Drain();
  }

 private:
  const EdgeConfig& config_;
  std::atomic<bool> draining_ = false;
  Client client_;
  SchemaCache schemas_;
  Tail tail_;
  ConnectionCounts connections_;
  // Its client is destroyed before it, and so waits for the answers that it still handles.
  std::optional<HistoryClient> history_;
  Client history_client_;
  HistoryQueue history_queue_;
  std::vector<std::unique_ptr<FanoutHub>> hubs_;
  std::optional<Upstream> upstream_;
  const std::shared_ptr<HttpMetrics> http_metrics_ = std::make_shared<HttpMetrics>();
  std::unique_ptr<FrontEnd> front_;
};

int Serve(const EdgeConfig& config, Signals& signals) {
  RaiseDescriptorLimit(config.limits.connections_max);
  Edge edge(config);
  if (absl::Status status = edge.Start(); !status.ok()) {
    return Fail(status);
  }
  AdminOptions admin_options;
  admin_options.health = [&edge] { return edge.Health(); };
  admin_options.ready = [&edge] { return edge.Readiness(); };
  admin_options.collectables = edge.Metrics();
  absl::StatusOr<std::unique_ptr<AdminServer>> admin =
      AdminServer::Start(config.admin_listen, std::move(admin_options));
  if (!admin.ok()) {
    return Fail(admin.status());
  }
  const Address admin_address{.host = config.admin_listen.host, .port = (*admin)->port()};
  std::printf("weir-edge ready: http=%s admin=%s\n", edge.address().ToString().c_str(),
              admin_address.ToString().c_str());
  std::fflush(stdout);
  signals.WaitForTermination();
  spdlog::info("shutting down: ending streams over {}", absl::FormatDuration(config.drain_window));
  edge.Drain();
  admin->reset();
  spdlog::info("done");
  return 0;
}

int Main(const std::vector<std::string>& arguments) {
  Signals signals;
  const Environment environment = [](const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return std::string(value == nullptr ? "" : value);
  };
  std::variant<CommandLine, Exit> read = ReadCommandLine(arguments, environment, std::thread::hardware_concurrency());
  if (const Exit* exit = std::get_if<Exit>(&read)) {
    std::fputs(exit->text.c_str(), exit->code == 0 ? stdout : stderr);
    return exit->code;
  }
  const CommandLine& command = std::get<CommandLine>(read);
  const EdgeConfig& config = command.config;
  if (absl::Status status = SetUpLogging(config.log_level); !status.ok()) {
    return Fail(status);
  }
  if (command.check) {
    std::printf("weir-edge: the configuration is good; %zu routes\n", config.routes.all().size());
    return 0;
  }
  spdlog::info("weir-edge {}, {} routes, {} threads, server {}", Version(), config.routes.all().size(), config.threads,
               config.server.ToString());
  return Serve(config, signals);
}

}  // namespace
}  // namespace weir::edge

int main(int argc, char** argv) { return weir::edge::Main({argv + 1, argv + argc}); }
