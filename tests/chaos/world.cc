#include "tests/chaos/world.h"

#include <fmt/format.h>

#include <cstdlib>
#include <utility>

#include "tests/support/system.h"

namespace weir::chaos {
namespace {

// The port of `name=HOST:PORT` in a ready line; 0 when it has none.
uint16_t PortOf(const std::string& line, std::string_view name) {
  const size_t at = line.find(fmt::format(" {}=", name));
  const size_t colon = at == std::string::npos ? at : line.find(':', at);
  return colon == std::string::npos ? 0 : static_cast<uint16_t>(std::atoi(line.c_str() + colon + 1));
}

std::string Loopback(uint16_t port) { return fmt::format("127.0.0.1:{}", port); }

}  // namespace

Node::Node(std::string name, std::string binary, std::string port_name, std::string log_path)
    : name_(std::move(name)), port_name_(std::move(port_name)), log_path_(std::move(log_path)) {
  launch_.binary = std::move(binary);
}

absl::Status Node::Start(const std::vector<std::string>& fixed, absl::Duration timeout) {
  std::vector<std::string> argv = launch_.prefix;
  argv.push_back(launch_.binary);
  argv.insert(argv.end(), {"--listen", Loopback(port_), "--admin-listen", Loopback(admin_port_)});
  argv.insert(argv.end(), fixed.begin(), fixed.end());
  argv.insert(argv.end(), launch_.flags.begin(), launch_.flags.end());
  const absl::Time deadline = absl::Now() + timeout;
  for (;;) {
    absl::StatusOr<testing::Process> process = testing::Process::Start(argv, log_path_, launch_.environment);
    if (!process.ok()) {
      return process.status();
    }
    const absl::StatusOr<std::string> line = process->ReadLine(deadline - absl::Now());
    if (line.ok() && line->find(" ready: ") != std::string::npos) {
      port_ = PortOf(*line, port_name_);
      admin_port_ = PortOf(*line, "admin");
      process_ = *std::move(process);
      return absl::OkStatus();
    }
    if (absl::Now() + absl::Milliseconds(100) > deadline) {
      return absl::DeadlineExceededError(fmt::format("{} did not become ready: see {}", name_, log_path_));
    }
    absl::SleepFor(absl::Milliseconds(100));
  }
}

World::World(std::string dir, size_t edges, const std::string& edge_yaml, const std::string& server_yaml)
    : dir_(std::move(dir)),
      data_dir_(dir_ + "/data"),
      server_("server", testing::BinaryPath("weir-server"), "grpc", dir_ + "/server.log") {
  testing::WriteFile(dir_ + "/secret", "a secret of at least thirty-two bytes\n");
  testing::WriteFile(dir_ + "/edge.yaml", edge_yaml);
  testing::WriteFile(dir_ + "/server.yaml", server_yaml);
  for (size_t i = 0; i < edges; ++i) {
    const std::string name = fmt::format("edge{}", i);
    edges_.emplace_back(name, testing::BinaryPath("weir-edge"), "http", fmt::format("{}/{}.log", dir_, name));
  }
}

absl::Status World::StartServer(absl::Duration timeout) {
  return server_.Start(
      {"--config", dir_ + "/server.yaml", "--data-dir", data_dir_, "--descriptors", testing::AppsDescriptorPath()},
      timeout);
}

absl::Status World::StartEdge(size_t i, absl::Duration timeout) {
  const auto hop = upstream_ports_.find(i);
  const uint16_t upstream = hop == upstream_ports_.end() ? server_.port() : hop->second;
  return edges_[i].Start({"--config", dir_ + "/edge.yaml", "--server", Loopback(upstream)}, timeout);
}

}  // namespace weir::chaos
