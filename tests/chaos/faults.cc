#include "tests/chaos/faults.h"

#include <fmt/format.h>

#include <csignal>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "tests/chaos/simple_fault.h"
#include "tests/support/system.h"

namespace weir::chaos {
namespace {

using Random = std::mt19937_64;

// One of the processes, and how to start it again.
struct Victim {
  Node& node;
  std::function<absl::Status()> start;
};

Victim Server(World& world) {
  return {world.server(), [&world] { return world.StartServer(); }};
}

Victim AnEdge(World& world, Random& random) {
  const size_t i = random() % world.edge_count();
  return {world.edge(i), [&world, i] { return world.StartEdge(i); }};
}

absl::Status Kill(const Victim& victim, Random& random) {
  victim.node.process().Kill();
  WaitUpTo(random, 1500);
  return victim.start();
}

absl::Status KillAll(World& world, Random& random) {
  world.server().process().Kill();
  for (size_t i = 0; i < world.edge_count(); ++i) {
    world.edge(i).process().Kill();
  }
  WaitUpTo(random, 500);
  if (absl::Status status = world.StartServer(); !status.ok()) {
    return status;
  }
  for (size_t i = 0; i < world.edge_count(); ++i) {
    if (absl::Status status = world.StartEdge(i); !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

absl::Status Stop(const Victim& victim, Random& random) {
  victim.node.process().Signal(SIGSTOP);
  WaitUpTo(random, 4000);
  victim.node.process().Signal(SIGCONT);
  return absl::OkStatus();
}

absl::Status Drain(const Victim& victim, Random& random) {
  victim.node.process().Signal(SIGTERM);
  const absl::StatusOr<int> code = victim.node.process().Wait(absl::Seconds(60));
  if (!code.ok() || *code != 0) {
    return absl::InternalError(fmt::format("{} was told to end: {}", victim.node.name(),
                                           code.ok() ? fmt::format("exit code {}", *code) : code.status().ToString()));
  }
  WaitUpTo(random, 500);
  return victim.start();
}

absl::Status StartSecondServer(World& world, Random&) {
  const testing::CommandResult result =
      testing::RunCommand({world.server().launch().binary, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
                           "--data-dir", world.data_dir(), "--descriptors", testing::AppsDescriptorPath()},
                          "", absl::Seconds(30));
  if (result.exit_code != 1 || result.err.find("in use") == std::string::npos) {
    return absl::InternalError(fmt::format("a second server on the directory was not refused: exit code {}, {}",
                                           result.exit_code, result.err));
  }
  return absl::OkStatus();
}

absl::Status RecreateLog(World& world, Random& random) {
  world.server().process().Kill();
  std::error_code error;
  std::filesystem::remove_all(world.data_dir(), error);
  if (error) {
    return absl::InternalError(fmt::format("cannot remove {}: {}", world.data_dir(), error.message()));
  }
  WaitUpTo(random, 500);
  return world.StartServer();
}

}  // namespace

std::vector<std::unique_ptr<Fault>> ProcessFaults() {
  std::vector<std::unique_ptr<Fault>> faults;
  const auto add = [&](std::string name, SimpleFault::Body body) {
    faults.push_back(std::make_unique<SimpleFault>(std::move(name), "", std::move(body)));
  };
  add("kill-server", [](World& world, Random& random) { return Kill(Server(world), random); });
  add("kill-edge", [](World& world, Random& random) { return Kill(AnEdge(world, random), random); });
  add("kill-all", KillAll);
  add("stop-server", [](World& world, Random& random) { return Stop(Server(world), random); });
  add("stop-edge", [](World& world, Random& random) { return Stop(AnEdge(world, random), random); });
  add("drain-server", [](World& world, Random& random) { return Drain(Server(world), random); });
  add("drain-edge", [](World& world, Random& random) { return Drain(AnEdge(world, random), random); });
  add("second-server", StartSecondServer);
  return faults;
}

std::unique_ptr<Fault> RecreateLogFault() { return std::make_unique<SimpleFault>("recreate-log", "", RecreateLog); }

std::vector<std::unique_ptr<Fault>> ConnectionFaults(const std::vector<Proxy*>& hops) {
  std::vector<std::unique_ptr<Fault>> faults;
  faults.push_back(std::make_unique<SimpleFault>("cut", "", [hops](World&, Random& random) {
    hops[random() % hops.size()]->Cut();
    return absl::OkStatus();
  }));
  faults.push_back(std::make_unique<SimpleFault>("silence", "", [hops](World&, Random& random) {
    Proxy* const hop = hops[random() % hops.size()];
    hop->SetSilent(true);
    WaitUpTo(random, 4000);
    hop->SetSilent(false);
    return absl::OkStatus();
  }));
  return faults;
}

absl::Status CheckHealth(World& world) {
  std::vector<Node*> nodes = {&world.server()};
  for (size_t i = 0; i < world.edge_count(); ++i) {
    nodes.push_back(&world.edge(i));
  }
  for (Node* node : nodes) {
    if (const absl::StatusOr<int> code = node->process().Wait(absl::ZeroDuration()); code.ok()) {
      return absl::InternalError(
          fmt::format("{} ended by itself with exit code {}: see {}", node->name(), *code, node->log_path()));
    }
  }
  const absl::StatusOr<testing::Response> health = testing::Fetch(world.server().admin_port(), "/healthz");
  if (!health.ok() || health->status != 503) {
    return absl::OkStatus();
  }
  world.server().process().Kill();
  return world.StartServer();
}

}  // namespace weir::chaos
