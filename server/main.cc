// weir-server: the event bus. Wires the log, the service, metrics and signals together. What the parts do is in
// their headers.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "admin/admin_server.h"
#include "base/core_file.h"
#include "base/descriptors.h"
#include "base/logging.h"
#include "base/quiet_grpc.h"
#include "base/signals.h"
#include "base/text.h"
#include "base/tls_files.h"
#include "base/version.h"
#include "log/memory_engine.h"
#include "log/rocksdb_engine.h"
#include "server/config.h"
#include "server/metrics.h"
#include "server/schema/event_types.h"
#include "server/server.h"

namespace weir::server {
namespace {

constexpr int kFailure = 1;
constexpr int kUsage = 2;

int Fail(int code, const absl::Status& status) {
  spdlog::error("{}", Message(status));
  return code;
}

absl::StatusOr<std::shared_ptr<const EventTypes>> LoadTypes(const Settings& settings) {
  absl::StatusOr<std::vector<DescriptorSetFile>> files = ReadDescriptorSetFiles(settings.descriptor_sets);
  if (!files.ok()) {
    return files.status();
  }
  return EventTypes::Load(*files);
}

absl::StatusOr<std::unique_ptr<log::LogEngine>> OpenLog(const Settings& settings, uint64_t open_files_max) {
  log::LogOptions options;
  options.idempotence_events_max = settings.idempotence_events_max;
  options.idempotence_age_max = settings.idempotence_age;
  if (settings.memory) {
    return log::MakeMemoryLog({.log = options});
  }
  return log::OpenRocksDbLog({.log = options,
                              .directory = settings.data_dir,
                              .sync = settings.sync ? log::SyncMode::kAlways : log::SyncMode::kNever,
                              .free_space_bytes_min = settings.free_space_bytes_min,
                              .open_files_max = open_files_max});
}

ServerOptions OptionsOf(const Settings& settings, Metrics& metrics) {
  ServerOptions options;
  options.listen = settings.listen;
  options.tls = settings.tls;
  options.connection_age_max = settings.connection_age_max;
  options.access = settings.access.policy;
  options.on_access_refused = [&metrics](v1::ErrorReason reason) { metrics.CountAccessRefused(reason); };
  options.event_bytes_max = settings.event_bytes_max;
  options.publish_queue_events_max = settings.publish_queue_events_max;
  options.publish_queue_bytes_max = settings.publish_queue_bytes_max;
  options.publish_streams_max = static_cast<int>(settings.publish_streams_max);
  options.subscriptions_max = static_cast<int>(settings.subscriptions_max);
  options.tail_bytes_max = settings.tail_bytes_max;
  options.grpc_bytes_max = settings.grpc_bytes_max;
  options.connections = {.connections_max = settings.connections_max,
                         .connections_per_address = settings.connections_per_address};
  options.retention.policy = {.age_max = settings.retention_age, .bytes_max = settings.retention_bytes_max};
  options.retention.check_interval = settings.retention_check_interval;
  options.retention.on_error = [](const absl::Status& status) { spdlog::error("retention: {}", Message(status)); };
  options.on_published = [&metrics](const PublishCounts& counts) { metrics.CountPublished(counts); };
  options.on_commit = [&metrics](size_t events, absl::Duration took) { metrics.ObserveCommit(events, took); };
  return options;
}

// What is said wherever an operator looks, when they chose `insecure`.
std::string Exposure(const Settings& settings) {
  std::string_view lacks = "does not know who calls";
  if (settings.tls.certificate.empty()) {
    lacks = settings.access.policy->verifier != nullptr ? "has no TLS" : "has neither TLS nor authentication";
  }
  return fmt::format("insecure: gRPC on {} {}, and other machines can reach it", settings.listen.ToString(), lacks);
}

// What the admin listener asks.
class Health {
 public:
  explicit Health(const Server& server) : server_(server) {}

  absl::Status healthy() const {
    return server_.state().poisoned ? absl::UnavailableError("a write to the log failed; restart the server")
                                    : absl::OkStatus();
  }
  absl::Status ready() const {
    absl::Status status = draining_ ? absl::UnavailableError("the server is shutting down") : healthy();
    status.Update(server_.TokensReadiness());
    return status;
  }
  void SetDraining() { draining_ = true; }

 private:
  const Server& server_;
  std::atomic<bool> draining_{false};
};

// A type that is misspelt where it is denied would be allowed.
void WarnOfAccess(const Settings& settings, const EventTypes& types) {
  for (const std::string& warning : settings.access.warnings) {
    spdlog::warn("{}", warning);
  }
  if (settings.access.policy->rules != nullptr) {
    for (const std::string& type : settings.access.policy->rules->Types()) {
      if (types.Find(type) == nullptr) {
        spdlog::warn("access: a rule names the type {}, which no descriptor set has as an event", Quotable(type));
      }
    }
  }
}

// A server that starts says it when it makes its credentials.
void WarnOfTls(const TlsFiles& files) {
  if (const absl::StatusOr<TlsPems> pems = ReadTlsFiles(files, absl::Now()); pems.ok()) {
    for (const std::string& warning : pems->warnings) {
      spdlog::warn("{}", warning);
    }
  }
}

// What a running server can take over from settings that were read again: event types, who may do what, and the log
// level. A fault changes nothing.
absl::Status Reload(std::variant<Settings, Exit> read, Settings& in_force, Server& server) {
  if (const Exit* exit = std::get_if<Exit>(&read)) {
    return absl::InvalidArgumentError(exit->text.substr(0, exit->text.find('\n')));
  }
  Settings& next = std::get<Settings>(read);
  absl::StatusOr<std::shared_ptr<const EventTypes>> types = LoadTypes(next);
  if (!types.ok()) {
    return types.status();
  }
  // TLS and the address stay: rules that would do for others must do for these.
  if (!in_force.exposed && IsExposed(in_force.listen, in_force.tls, next.access.policy->verifier != nullptr)) {
    return absl::FailedPreconditionError(
        fmt::format("auth cannot go while other machines reach {} without certificates of their own; restart for "
                    "another listen or tls",
                    in_force.listen.ToString()));
  }
  if (absl::Status status = server.Reload(*types, next.access.policy); !status.ok()) {
    return status;
  }
  WarnOfAccess(next, **types);
  in_force.log_level = next.log_level;
  in_force.descriptor_sets = next.descriptor_sets;
  in_force.access = next.access;
  static_cast<void>(SetLogLevel(next.log_level));
  if (next != in_force) {
    spdlog::warn(
        "reload: only descriptor_sets, auth, access and log_level can change without a restart; all else stays as "
        "it is");
  }
  spdlog::info("reload: taken over; {} event types, schema {}", (*types)->size(), (*types)->version());
  return absl::OkStatus();
}

// `read` reads the settings again.
int Serve(Settings settings, std::shared_ptr<const EventTypes> types, Signals& signals,
          const std::function<std::variant<Settings, Exit>()>& read) {
  Metrics metrics;
  ServerOptions options = OptionsOf(settings, metrics);
  // No more connections than there are descriptors for, and no more files of the log.
  const uint64_t descriptors = RaiseDescriptorLimit();
  size_t& connections_max = options.connections.connections_max;
  if (absl::Status status = FitConnections(descriptors, ConnectionLimits().connections_max, connections_max);
      !status.ok()) {
    return Fail(kFailure, status);
  }
  absl::StatusOr<std::unique_ptr<log::LogEngine>> log =
      OpenLog(settings, DescriptorsForLog(descriptors, connections_max));
  if (!log.ok()) {
    return Fail(kFailure, log.status());
  }
  const log::Bounds bounds = (*log)->bounds();
  spdlog::info("{} log, epoch {}, events {} to {}, {} bytes", (*log)->name(), bounds.epoch.text(), bounds.earliest,
               bounds.head, bounds.bytes);
  absl::StatusOr<std::unique_ptr<Server>> server = Server::Start(*std::move(log), std::move(types), std::move(options));
  if (!server.ok()) {
    return Fail(kFailure, server.status());
  }
  Health health(**server);
  AdminOptions admin_options;
  admin_options.health = [&health] { return health.healthy(); };
  admin_options.ready = [&health] { return health.ready(); };
  if (settings.exposed) {
    admin_options.ready_note = [note = Exposure(settings)] { return note; };
  }
  admin_options.collectables = {metrics.collectable(), StateMetrics([&server] { return (*server)->state(); }),
                                (*server)->revocation_metrics()};
  absl::StatusOr<std::unique_ptr<AdminServer>> admin =
      AdminServer::Start(settings.admin_listen, std::move(admin_options));
  if (!admin.ok()) {
    return Fail(kFailure, admin.status());
  }
  const Address admin_address{.host = settings.admin_listen.host, .port = (*admin)->port()};
  std::printf("weir-server ready: grpc=%s admin=%s\n", (*server)->address().ToString().c_str(),
              admin_address.ToString().c_str());
  std::fflush(stdout);
  while (signals.WaitForReload()) {
    if (const absl::Status status = Reload(read(), settings, **server); !status.ok()) {
      spdlog::error("reload: {}; what was in force stays", Message(status));
    }
  }
  spdlog::info("shutting down: finishing what is queued");
  health.SetDraining();
  (*server)->Drain();
  admin->reset();
  server->reset();
  spdlog::info("done");
  return 0;
}

int Main(const std::vector<std::string>& arguments) {
  LeaveNoCore();
  SetUpLogging("").IgnoreError();  // an empty level is a good one
  Signals signals;
  const Environment environment = [](const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return std::string(value == nullptr ? "" : value);
  };
  const auto read_settings = [&] { return ReadSettings(arguments, environment); };
  std::variant<Settings, Exit> read = read_settings();
  if (const Exit* exit = std::get_if<Exit>(&read)) {
    std::fputs(exit->text.c_str(), exit->code == 0 ? stdout : stderr);
    return exit->code;
  }
  const Settings& settings = std::get<Settings>(read);
  if (absl::Status status = SetLogLevel(settings.log_level); !status.ok()) {
    return Fail(kUsage, status);
  }
  QuietGrpc();
  absl::StatusOr<std::shared_ptr<const EventTypes>> types = LoadTypes(settings);
  if (!types.ok()) {
    return Fail(kUsage, types.status());
  }
  WarnOfAccess(settings, **types);
  if (settings.check) {
    WarnOfTls(settings.tls);
    std::printf("weir-server: the configuration is good; %zu event types\n", (*types)->size());
    return 0;
  }
  spdlog::info("weir-server {}, {} event types, schema {}", Version(), (*types)->size(), (*types)->version());
  if ((*types)->size() == 0) {
    spdlog::warn("no event type is known: nothing can be published; give descriptor sets with --descriptors");
  }
  if (settings.exposed) {
    spdlog::warn("{}", Exposure(settings));
  }
  return Serve(settings, *std::move(types), signals, read_settings);
}

}  // namespace
}  // namespace weir::server

int main(int argc, char** argv) { return weir::server::Main({argv + 1, argv + argc}); }
