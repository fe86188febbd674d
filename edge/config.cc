#include "edge/config.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include "absl/time/clock.h"
#include "base/address.h"
#include "base/logging.h"
#include "base/secret_file.h"
#include "edge/auth_config.h"
#include "edge/duration_check.h"
#include "edge/http/hosts.h"

namespace weir::edge {
namespace {

namespace pb = config::v1;

// The whole number of decimal digits, or null; at most `max`.
std::optional<uint64_t> ParseNumber(std::string_view text, uint64_t max) {
  if (text.empty() || text.size() > 10) {
    return std::nullopt;
  }
  uint64_t number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') {
      return std::nullopt;
    }
    number = number * 10 + static_cast<uint64_t>(c - '0');
  }
  return number <= max ? std::optional(number) : std::nullopt;
}

absl::Status CheckNumber(const ConfigFile& file, std::string_view path, uint64_t value, uint64_t min, uint64_t max,
                         uint64_t& out) {
  if (value == 0) {  // the default
    return absl::OkStatus();
  }
  if (value < min || value > max) {
    return file.Error(path, fmt::format("is {}; allowed is {} to {}", value, min, max));
  }
  out = value;
  return absl::OkStatus();
}

absl::Status CheckGeneral(const pb::Edge& edge, uint32_t processors, EdgeConfig& config) {
  const struct {
    std::string_view path;
    const std::string& text;
    Address& out;
  } addresses[] = {{"listen", edge.listen(), config.listen},
                   {"admin_listen", edge.admin_listen(), config.admin_listen},
                   {"server", edge.server(), config.server}};
  for (const auto& address : addresses) {
    if (address.text.empty()) {
      continue;
    }
    absl::StatusOr<Address> parsed = ParseAddress(address.text);
    if (!parsed.ok()) {
      return config.file.Error(address.path, Message(parsed.status()));
    }
    address.out = *std::move(parsed);
  }
  uint64_t threads = std::clamp<uint64_t>(processors, 1, 64);
  if (absl::Status status = CheckNumber(config.file, "threads", edge.threads(), 1, 64, threads); !status.ok()) {
    return status;
  }
  config.threads = static_cast<uint32_t>(threads);
  if (!edge.log_level().empty()) {
    if (absl::Status status = ValidateLogLevel(edge.log_level()); !status.ok()) {
      return config.file.Error("log_level", Message(status));
    }
    config.log_level = edge.log_level();
  }
  if (absl::Status status = CheckNumber(config.file, "tail.bytes_max", edge.tail().bytes_max(), uint64_t{1} << 20U,
                                        uint64_t{1} << 40U, config.tail_bytes_max);
      !status.ok()) {
    return status;
  }
  return CheckDuration(config.file, "tail.history", edge.tail().has_history(), edge.tail().history(),
                       absl::ZeroDuration(), absl::Hours(24), config.tail_history);
}

constexpr size_t kTrustedProxiesMax = 256;

absl::Status CheckServerTls(const pb::Edge& edge, EdgeConfig& config) {
  if (!edge.has_server_tls()) {
    if (!IsLoopback(config.server)) {
      spdlog::warn(
          "{}: server: {} is another machine, and no TLS is spoken with it: what is sent can be read and changed on "
          "its "
          "way. Set `server_tls`",
          config.file.Where("server"), config.server.ToString());
    }
    return absl::OkStatus();
  }
  const pb::UpstreamTls& tls = edge.server_tls();
  if (tls.ca().empty()) {
    return config.file.Error("server_tls.ca", "is required; it names a PEM file of the server's authorities");
  }
  const auto resolve = [&config](const std::string& path) { return path.empty() ? path : config.file.Resolve(path); };
  config.server_tls = {.certificate = resolve(tls.certificate()), .key = resolve(tls.key()), .ca = resolve(tls.ca())};
  const absl::StatusOr<TlsPems> pems = ReadTlsFiles(config.server_tls, absl::Now());
  if (!pems.ok()) {
    return config.file.Error("server_tls", Message(pems.status()));
  }
  for (const std::string& warning : pems->warnings) {
    spdlog::warn("server_tls: {}", warning);
  }
  return absl::OkStatus();
}

absl::Status CheckServerToken(const pb::Edge& edge, EdgeConfig& config) {
  if (edge.server_token_file().empty()) {
    return absl::OkStatus();
  }
  if (!edge.has_server_tls() && !IsLoopback(config.server)) {
    return config.file.Error("server_token_file", fmt::format("needs server_tls: a token is not sent to {} without TLS",
                                                              config.server.ToString()));
  }
  config.server_token_file = config.file.Resolve(edge.server_token_file());
  if (const absl::Status token = ReadTokenFile(config.server_token_file).status(); !token.ok()) {
    return config.file.Error("server_token_file", Message(token));
  }
  if (const absl::Status open = CheckPermissions(config.server_token_file, FileHolds::kSecret); !open.ok()) {
    spdlog::warn("server_token_file: {}", Message(open));
  }
  return absl::OkStatus();
}

absl::Status CheckLimits(const pb::Edge& edge, EdgeConfig& config) {
  const pb::EdgeLimits& in = edge.limits();
  EdgeConfig::Limits& out = config.limits;
  const struct {
    std::string_view path;
    uint64_t value;
    uint64_t min;
    uint64_t max;
    uint64_t& out;
  } numbers[] = {
      {"limits.connections_max", in.connections_max(), 1, 10'000'000, out.connections_max},
      {"limits.head_bytes_max", in.head_bytes_max(), 1024, 64 * 1024, out.head_bytes_max},
      {"limits.send_buffer_bytes", in.send_buffer_bytes(), 4096, uint64_t{16} << 20U, out.send_buffer_bytes},
      {"limits.history_reads_max", in.history_reads_max(), 1, 1024, out.history_reads_max},
      {"limits.answer_bytes_max", in.answer_bytes_max(), uint64_t{1} << 20U, uint64_t{1} << 40U, out.answer_bytes_max},
      {"limits.connections_per_address", in.connections_per_address(), 1, 10'000'000, out.connections_per_address},
      {"limits.connections_per_principal", in.connections_per_principal(), 1, 10'000'000,
       out.connections_per_principal},
      {"limits.connects_per_minute", in.connects_per_minute(), 1, 10'000'000, out.connects_per_minute},
      {"limits.attempts_per_minute", in.attempts_per_minute(), 1, 10'000'000, out.attempts_per_minute},
      {"limits.polls_per_minute", in.polls_per_minute(), 1, 10'000'000, out.polls_per_minute},
      {"limits.websocket_messages_per_minute", in.websocket_messages_per_minute(), 1, 10'000'000,
       out.websocket_messages_per_minute}};
  for (const auto& number : numbers) {
    if (absl::Status status = CheckNumber(config.file, number.path, number.value, number.min, number.max, number.out);
        !status.ok()) {
      return status;
    }
  }
  const struct {
    std::string_view path;
    bool present;
    const google::protobuf::Duration& value;
    absl::Duration min;
    absl::Duration max;
    absl::Duration& out;
  } durations[] = {{"limits.head_timeout", in.has_head_timeout(), in.head_timeout(), absl::Seconds(1), absl::Minutes(5),
                    out.head_timeout},
                   {"limits.keep_alive_timeout", in.has_keep_alive_timeout(), in.keep_alive_timeout(), absl::Seconds(1),
                    absl::Hours(1), out.keep_alive_timeout},
                   {"limits.slow_reader_timeout", in.has_slow_reader_timeout(), in.slow_reader_timeout(),
                    absl::Seconds(1), absl::Hours(1), out.slow_reader_timeout},
                   {"drain.window", edge.drain().has_window(), edge.drain().window(), absl::ZeroDuration(),
                    absl::Minutes(10), config.drain_window},
                   {"drain.retry_max", edge.drain().has_retry_max(), edge.drain().retry_max(), absl::ZeroDuration(),
                    absl::Minutes(10), config.drain_retry_max}};
  for (const auto& duration : durations) {
    if (absl::Status status = CheckDuration(config.file, duration.path, duration.present, duration.value, duration.min,
                                            duration.max, duration.out);
        !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

absl::Status CheckProxies(const pb::Edge& edge, EdgeConfig& config) {
  for (int i = 0; i < edge.trusted_proxies_size(); ++i) {
    const std::optional<Network> network = Network::Parse(edge.trusted_proxies(i));
    if (!network) {
      return config.file.Error(fmt::format("trusted_proxies[{}]", i),
                               fmt::format("is \"{}\"; allowed is a network without further bits set, 10.0.0.0/8 or "
                                           "2001:db8::/32, or one address",
                                           Quotable(edge.trusted_proxies(i))));
    }
    config.trusted_proxies.push_back(*network);
  }
  if (config.trusted_proxies.size() > kTrustedProxiesMax) {
    return config.file.Error("trusted_proxies", fmt::format("has {} entries; allowed are at most {}",
                                                            config.trusted_proxies.size(), kTrustedProxiesMax));
  }
  if (edge.proxy_protocol() && config.trusted_proxies.empty()) {
    return config.file.Error("proxy_protocol", "is true, and trusted_proxies names nobody who may speak it");
  }
  config.proxy_protocol = edge.proxy_protocol();
  return absl::OkStatus();
}

absl::Status CheckHosts(const pb::Edge& edge, EdgeConfig& config) {
  for (int i = 0; i < edge.hosts_size(); ++i) {
    if (!IsHostRule(edge.hosts(i))) {
      return config.file.Error(fmt::format("hosts[{}]", i),
                               fmt::format("is \"{}\"; allowed is a name or an address in lower case without a port, "
                                           "app.example.com, *.example.com, 127.0.0.1 or [::1]",
                                           Quotable(edge.hosts(i))));
    }
    config.hosts.push_back(edge.hosts(i));
  }
  if (config.hosts.size() > kHostsMax) {
    return config.file.Error("hosts",
                             fmt::format("has {} entries; allowed are at most {}", config.hosts.size(), kHostsMax));
  }
  return absl::OkStatus();
}

absl::Status CheckTls(const pb::Edge& edge, EdgeConfig& config) {
  if (!edge.has_tls()) {
    if (!IsLoopback(config.listen)) {
      spdlog::warn(
          "{}: listen: {} can be reached from other machines and speaks plain HTTP: what is sent can be read on its "
          "way. "
          "Set `tls`, or let only a proxy that speaks TLS reach it",
          config.file.Where("listen"), config.listen.ToString());
    }
    return absl::OkStatus();
  }
  const pb::Tls& tls = edge.tls();
  for (const auto& [path, file] : {std::pair("tls.certificate", tls.certificate()), std::pair("tls.key", tls.key())}) {
    if (file.empty()) {
      return config.file.Error(path, "is required; it names a PEM file");
    }
  }
  const std::string key = config.file.Resolve(tls.key());
  absl::StatusOr<std::shared_ptr<const TlsContext>> loaded =
      TlsContext::Load(config.file.Resolve(tls.certificate()), key);
  if (!loaded.ok()) {
    return config.file.Error("tls", Message(loaded.status()));
  }
  if (const absl::Status status = CheckPermissions(key, FileHolds::kSecret); !status.ok()) {
    spdlog::warn("tls.key: {}", Message(status));
  }
  if ((*loaded)->expires() < absl::Now()) {
    spdlog::warn("tls.certificate: has expired, at {}", absl::FormatTime((*loaded)->expires(), absl::UTCTimeZone()));
  }
  config.tls = *std::move(loaded);
  return absl::OkStatus();
}

constexpr size_t kPolicyBytesMax = 4096;

bool IsPrintable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7F; });
}

absl::Status CheckStatic(const pb::Edge& edge, EdgeConfig& config) {
  if (!edge.has_static_()) {
    return absl::OkStatus();
  }
  StaticOptions options;
  if (edge.static_().directory().empty()) {
    return config.file.Error("static.directory", "is required; it names the directory to serve");
  }
  options.directory = config.file.Resolve(edge.static_().directory());
  std::error_code error;
  if (!std::filesystem::is_directory(options.directory, error)) {
    return config.file.Error("static.directory", fmt::format("is \"{}\", which is no directory", options.directory));
  }
  if (!edge.static_().prefix().empty()) {
    options.prefix = edge.static_().prefix();
  }
  if (!options.prefix.starts_with('/') || options.prefix.find("//") != std::string::npos) {
    return config.file.Error(
        "static.prefix", fmt::format("is \"{}\"; allowed is a path that begins with `/`", Quotable(options.prefix)));
  }
  if (!options.prefix.ends_with('/')) {
    options.prefix += '/';
  }
  if (edge.static_().has_content_security_policy()) {
    options.content_security_policy = edge.static_().content_security_policy();
  }
  if (!IsPrintable(options.content_security_policy) || options.content_security_policy.size() > kPolicyBytesMax) {
    return config.file.Error("static.content_security_policy",
                             fmt::format("has {} bytes; allowed is one line of printable ASCII, at most {} bytes",
                                         options.content_security_policy.size(), kPolicyBytesMax));
  }
  config.static_files = std::move(options);
  return absl::OkStatus();
}

absl::Status CheckCors(const pb::Edge& edge, EdgeConfig& config) {
  for (int i = 0; i < edge.cors().origins_size(); ++i) {
    const std::string& origin = edge.cors().origins(i);
    if (!IsOrigin(origin)) {
      return config.file.Error(fmt::format("cors.origins[{}]", i),
                               fmt::format("is \"{}\"; allowed is an exact origin as a browser sends it, "
                                           "https://app.example.com or http://localhost:5173",
                                           Quotable(origin)));
    }
    config.cors.origins.insert(origin);
  }
  if (edge.has_cors() && config.cors.origins.empty()) {
    return config.file.Error("cors.origins", "is empty; without `cors` no other origin has access");
  }
  config.cors.credentials = edge.cors().credentials();
  return absl::OkStatus();
}

absl::Status ApplyOverride(const EdgeOverrides::Value& value, pb::Edge& edge, ConfigFile& file) {
  file.SetOrigin(value.field, value.origin);
  if (value.text.empty()) {
    return file.Error(value.field, "is empty; leave it out for its default");
  }
  if (value.field == "static.directory") {
    edge.mutable_static_()->set_directory(std::filesystem::absolute(value.text).string());
    return absl::OkStatus();
  }
  if (value.field == "threads") {
    const std::optional<uint64_t> threads = ParseNumber(value.text, 64);
    if (!threads || *threads == 0) {
      return file.Error("threads", fmt::format("is \"{}\"; allowed is 1 to 64", Quotable(value.text)));
    }
    edge.set_threads(static_cast<uint32_t>(*threads));
    return absl::OkStatus();
  }
  const google::protobuf::FieldDescriptor* field = edge.GetDescriptor()->FindFieldByName(value.field);
  if (field == nullptr || field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_STRING) {
    return absl::InternalError(fmt::format("no field {} to override", value.field));
  }
  edge.GetReflection()->SetString(&edge, field, value.text);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<EdgeConfig> CheckEdgeConfig(const pb::Edge& edge, ConfigFile file, uint32_t processors) {
  EdgeConfig config;
  config.file = std::move(file);
  absl::StatusOr<AuthConfig> auth = CheckAuth(edge, config.file);
  for (absl::Status status :
       {CheckGeneral(edge, processors, config), CheckServerTls(edge, config), CheckServerToken(edge, config),
        CheckLimits(edge, config), CheckProxies(edge, config), CheckHosts(edge, config), auth.status(),
        CheckTls(edge, config), CheckStatic(edge, config), CheckCors(edge, config)}) {
    if (!status.ok()) {
      return status;
    }
  }
  config.auth = *std::move(auth);
  absl::StatusOr<Routes> routes = Routes::Compile(edge, config.file);
  if (!routes.ok()) {
    return routes.status();
  }
  config.routes = *std::move(routes);
  return config;
}

std::vector<std::string_view> KeepFixed(const EdgeConfig& running, EdgeConfig& next) {
  std::vector<std::string_view> differed;
  const auto keep = [&differed](std::string_view key, const auto& was, auto& is) {
    if (!(was == is)) {
      differed.push_back(key);
      is = was;
    }
  };
  keep("listen", running.listen, next.listen);
  keep("admin_listen", running.admin_listen, next.admin_listen);
  if (!(next.server == running.server)) {
    // Judged for an address that is not called: without TLS, a token is for one of this machine.
    keep("server_tls", running.server_tls, next.server_tls);
    keep("server_token_file", running.server_token_file, next.server_token_file);
  }
  keep("server", running.server, next.server);
  keep("threads", running.threads, next.threads);
  keep("tail.bytes_max", running.tail_bytes_max, next.tail_bytes_max);
  keep("tail.history", running.tail_history, next.tail_history);
  keep("limits.send_buffer_bytes", running.limits.send_buffer_bytes, next.limits.send_buffer_bytes);
  keep("limits.slow_reader_timeout", running.limits.slow_reader_timeout, next.limits.slow_reader_timeout);
  keep("limits.history_reads_max", running.limits.history_reads_max, next.limits.history_reads_max);
  return differed;
}

absl::StatusOr<EdgeConfig> LoadEdgeConfig(const std::string& path, const EdgeOverrides& overrides,
                                          uint32_t processors) {
  pb::Edge edge;
  absl::StatusOr<ConfigFile> file = ConfigFile("there is no configuration file (--config FILE, or WEIR_EDGE_CONFIG)");
  if (!path.empty()) {
    file = ConfigFile::Load(path, &edge);
  }
  if (!file.ok()) {
    return file.status();
  }
  for (const EdgeOverrides::Value& value : overrides.values) {
    if (absl::Status status = ApplyOverride(value, edge, *file); !status.ok()) {
      return status;
    }
  }
  return CheckEdgeConfig(edge, *std::move(file), processors);
}

}  // namespace weir::edge
