#include "tests/support/system.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <sstream>

#include "absl/time/clock.h"

namespace weir::testing {
namespace {

[[noreturn]] void Abort(const std::string& why) {
  fmt::print(stderr, "{}\n", why);
  std::abort();
}

std::string Loopback(uint16_t port) { return fmt::format("127.0.0.1:{}", port); }

Process StartDaemon(std::vector<std::string> argv, const std::vector<std::string>& more, const std::string& log,
                    const std::map<std::string, std::string>& environment) {
  argv.insert(argv.end(), more.begin(), more.end());
  absl::StatusOr<Process> process = Process::Start(argv, log, environment);
  if (!process.ok()) {
    Abort(process.status().ToString());
  }
  absl::StatusOr<std::string> line = process->ReadLine(kPatience);
  if (!line.ok() || line->find(" ready: ") == std::string::npos) {
    Abort(fmt::format("{} did not become ready: {}\n{}", argv[0], line.ok() ? *line : line.status().ToString(),
                      ReadFile(log)));
  }
  return *std::move(process);
}

}  // namespace

std::string FiveRoutesYaml() {
  return R"(
auth:
  keys:
    - {algorithm: HS256, file: secret}
routes:
  - path: /api/vehicles/updates
    filters: ["vehicles.updates"]
    auth: required
  - path: /realtime
    filters: ["tenants.{jwt.tenant_id}.goals"]
    auth: required
    envelope: {kind: event, members: [timestamp, eventId], attributes: [tenant_id]}
  - path: /api/sse
    filters: ["dispatch.broadcast"]
    envelope: {kind: event, members: [timestamp]}
  - path: /api/notifications/stream
    filters: ["users.{jwt.sub}.notifications", "broadcast.notifications"]
    auth: required
    connected: {event: connected, data: {user_id: "{jwt.sub}", timestamp: "{now}"}}
    heartbeat: {interval: 1s, event: heartbeat, data: {timestamp: "{now}", connections: "{connections}"}}
  - path: /api/image-gen/events
    filters: ["users.{jwt.sub}.imagegen.{query.request_id|*}"]
    auth: required
    event_name: message
    heartbeat: {interval: 1s, event: heartbeat, data: {type: ping}}
)";
}

System::System() {
  WriteFile(dir_.File("secret"), "a secret of at least thirty-two bytes\n");
  std::filesystem::permissions(dir_.File("secret"), std::filesystem::perms(0600));
  WriteFile(edge_config_path(), FiveRoutesYaml());
}

std::string System::grpc_address() const { return Loopback(grpc_port()); }

void System::StartServer(const std::vector<std::string>& more) {
  server_ = StartDaemon({BinaryPath("weir-server"), "--listen", grpc_address(), "--admin-listen",
                         Loopback(server_admin_port()), "--data-dir", data_dir(), "--descriptors", descriptors_},
                        more, dir_.File("server.log"), server_environment_);
}

void System::WriteCertificate(const CertificateOptions& options) const {
  const Certificate made = MakeCertificate(options);
  WriteFile(dir_.File("cert.pem"), made.certificate);
  WriteFile(dir_.File("key.pem"), made.key);
  std::filesystem::permissions(dir_.File("key.pem"), std::filesystem::perms(0600));
}

void System::StartEdge(const std::vector<std::string>& more) {
  const bool over_tls = std::getenv("WEIR_TEST_TLS") != nullptr;
  if (over_tls) {
    WriteCertificate();
    const std::string config = ReadFile(edge_config_path());
    if (config.find("\ntls: ") == std::string::npos) {
      WriteFile(edge_config_path(), config + "\ntls: {certificate: cert.pem, key: key.pem}\n");
    }
  }
  edge_ = StartDaemon({BinaryPath("weir-edge"), "--config", edge_config_path(), "--listen", Loopback(http_port()),
                       "--admin-listen", Loopback(edge_admin_port()), "--server", grpc_address()},
                      more, dir_.File("edge.log"), edge_environment_);
  if (over_tls) {
    Connection::SpeakTls(http_port());
  }
}

bool System::WaitReady(absl::Duration timeout) const {
  return WaitUntil(
      [this] {
        const absl::StatusOr<Response> response = Fetch(edge_admin_port(), "/readyz");
        return response.ok() && response->status == 200;
      },
      timeout);
}

CommandResult System::Weir(const std::vector<std::string>& args, const std::string& input,
                           absl::Duration timeout) const {
  std::vector<std::string> argv = {BinaryPath("weir")};
  argv.insert(argv.end(), args.begin(), args.end());
  return RunCommand(argv, input, timeout, {{"WEIR_SERVER", grpc_address()}});
}

std::vector<nlohmann::json> System::PublishLines(const std::vector<nlohmann::json>& lines) const {
  std::string input;
  for (const nlohmann::json& line : lines) {
    input += line.dump() + "\n";
  }
  const CommandResult result = Weir({"publish", "--from", "-"}, input, kPatience);
  std::vector<nlohmann::json> results;
  std::istringstream out(result.out);
  for (std::string line; std::getline(out, line);) {
    results.push_back(nlohmann::json::parse(line));
  }
  if (results.size() != lines.size()) {
    Abort(fmt::format("{} lines published, {} results\n{}", lines.size(), results.size(), result.err));
  }
  return results;
}

std::string System::Publish(const std::string& topic, const std::string& type, const nlohmann::json& data,
                            const std::string& event_id, const nlohmann::json& attributes) const {
  nlohmann::json line = {{"topic", topic}, {"type", type}, {"data", data}};
  if (!event_id.empty()) {
    line["event_id"] = event_id;
  }
  if (!attributes.is_null()) {
    line["attributes"] = attributes;
  }
  const nlohmann::json result = PublishLines({line}).front();
  if (!result.contains("cursor")) {
    Abort(fmt::format("the event was refused: {}", result.dump()));
  }
  return result["cursor"];
}

std::string System::Token(const std::string& subject, const std::vector<std::string>& claims,
                          const std::string& ttl) const {
  std::vector<std::string> args = {"token", "--key", dir_.File("secret"), "--sub", subject, "--ttl", ttl};
  for (const std::string& claim : claims) {
    args.insert(args.end(), {"--claim", claim});
  }
  const CommandResult result = Weir(args);
  if (result.exit_code != 0) {
    Abort("weir token: " + result.err);
  }
  return result.out.substr(0, result.out.find('\n'));
}

namespace {

// Null when there is none.
std::optional<double> SumOf(std::string_view page, const std::string& name) {
  std::optional<double> sum;
  std::istringstream lines{std::string(page)};
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(name) && line.size() > name.size() && (line[name.size()] == ' ' || line[name.size()] == '{')) {
      sum = sum.value_or(0) + std::atof(line.c_str() + line.rfind(' '));
    }
  }
  return sum;
}

}  // namespace

std::optional<double> System::FindMetric(uint16_t admin_port, const std::string& name) {
  const absl::StatusOr<Response> response = Fetch(admin_port, "/metrics");
  return response.ok() ? SumOf(response->body, name) : std::nullopt;
}

double System::Metric(uint16_t admin_port, const std::string& name) {
  const absl::StatusOr<Response> response = Fetch(admin_port, "/metrics");
  return response.ok() ? SumOf(response->body, name).value_or(0) : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace weir::testing
