// weir-edge: brings the events of weir-server to browsers. Wires the parts together; what they do is in their headers.
#include <spdlog/spdlog.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "admin/admin_server.h"
#include "base/core_file.h"
#include "base/descriptors.h"
#include "base/logging.h"
#include "base/quiet_grpc.h"
#include "base/signals.h"
#include "base/text.h"
#include "base/version.h"
#include "edge/command_line.h"
#include "edge/config.h"
#include "edge/edge.h"
#include "edge/http/admission_limits.h"

namespace weir::edge {
namespace {

constexpr int kFailure = 1;

int Fail(const absl::Status& status) {
  spdlog::error("{}", Message(status));
  return kFailure;
}

// No more connections than there are descriptors for.
absl::Status FitLimits(uint64_t descriptors, EdgeConfig::Limits& limits) {
  return FitConnections(descriptors, EdgeConfig::Limits().connections_max, limits.connections_max, HeadroomAbove);
}

int Serve(const CommandLine& command, Signals& signals) {
  EdgeConfig config = command.config;
  const uint64_t descriptors = RaiseDescriptorLimit();
  if (absl::Status status = FitLimits(descriptors, config.limits); !status.ok()) {
    return Fail(status);
  }
  QuietGrpc();
  Edge edge(config);
  if (absl::Status status = edge.Start(); !status.ok()) {
    return Fail(status);
  }
  AdminOptions admin_options;
  admin_options.ready = [&edge] { return edge.Readiness(); };
  admin_options.ready_note = [&edge] { return edge.Warning(); };
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
  while (signals.WaitForReload()) {
    absl::StatusOr<EdgeConfig> next = command.reload();
    if (next.ok()) {
      static_cast<void>(FitLimits(descriptors, next->limits));  // it was enough at the start
    }
    edge.Reload(std::move(next));
  }
  edge.Drain();
  admin->reset();
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
  std::variant<CommandLine, Exit> read = ReadCommandLine(arguments, environment, std::thread::hardware_concurrency());
  if (const Exit* exit = std::get_if<Exit>(&read)) {
    std::fputs(exit->text.c_str(), exit->code == 0 ? stdout : stderr);
    return exit->code;
  }
  const CommandLine& command = std::get<CommandLine>(read);
  const EdgeConfig& config = command.config;
  if (absl::Status status = SetLogLevel(config.log_level); !status.ok()) {
    return Fail(status);
  }
  if (command.check) {
    std::printf("weir-edge: the configuration is good; %zu routes\n", config.routes.all().size());
    return 0;
  }
  spdlog::info("weir-edge {}, {} routes, {} threads, server {}", Version(), config.routes.all().size(), config.threads,
               config.server.ToString());
  for (const std::string& warning : config.auth.warnings) {
    spdlog::warn("{}", warning);
  }
  return Serve(command, signals);
}

}  // namespace
}  // namespace weir::edge

int main(int argc, char** argv) { return weir::edge::Main({argv + 1, argv + argc}); }
