#include "server/config.h"

#include <fmt/format.h>

#include <limits>
#include <utility>

#include "absl/time/clock.h"
#include "base/logging.h"
#include "base/text.h"
#include "server/access_config.h"
#include "server/rpc/connection_table.h"

namespace weir::server {

bool IsExposed(const Address& listen, const TlsFiles& tls, bool tokens) {
  return !IsLoopback(listen) && tls.ca.empty() && (tls.certificate.empty() || !tokens);
}

namespace {

constexpr std::string_view kListenDefault = "127.0.0.1:50051";
constexpr std::string_view kAdminListenDefault = "127.0.0.1:9902";

absl::Duration ToDuration(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

absl::Status ReadAddress(const ConfigFile& file, std::string_view path, std::string_view given,
                         std::string_view if_empty, Address& out) {
  absl::StatusOr<Address> address = ParseAddress(given.empty() ? if_empty : given);
  if (!address.ok()) {
    return file.Error(path, Message(address.status()));
  }
  out = *std::move(address);
  return absl::OkStatus();
}

// One bound: 0 means the default.
struct Bound {
  std::string_view path;
  uint64_t given;
  uint64_t if_zero;
  uint64_t least;
  uint64_t most;
  uint64_t* out;
};

absl::Status ReadBound(const ConfigFile& file, const Bound& bound) {
  *bound.out = bound.given == 0 ? bound.if_zero : bound.given;
  if (*bound.out < bound.least || *bound.out > bound.most) {
    return file.Error(bound.path, fmt::format("is {}; allowed is {} to {}, or 0 for the default of {}", bound.given,
                                              bound.least, bound.most, bound.if_zero));
  }
  return absl::OkStatus();
}

absl::Status ReadLimits(const config::v1::ServerLimits& limits, const ConfigFile& file, Settings& settings) {
  constexpr uint64_t kCountMax = std::numeric_limits<int32_t>::max();
  constexpr uint64_t kBytesMax = uint64_t{1} << 40;
  constexpr uint64_t kConnectionsMax = 1'000'000;
  const Bound bounds[] = {
      {"limits.event_bytes_max", limits.event_bytes_max(), 1 << 20, 1 << 10, 2 << 20, &settings.event_bytes_max},
      {"limits.publish_queue_events_max", limits.publish_queue_events_max(), 65'536, 1, kCountMax,
       &settings.publish_queue_events_max},
      {"limits.publish_queue_bytes_max", limits.publish_queue_bytes_max(), 64 << 20, 1, kBytesMax,
       &settings.publish_queue_bytes_max},
      {"limits.publish_streams_max", limits.publish_streams_max(), 1'024, 1, kCountMax, &settings.publish_streams_max},
      {"limits.subscriptions_max", limits.subscriptions_max(), 1'024, 1, kCountMax, &settings.subscriptions_max},
      {"limits.tail_bytes_max", limits.tail_bytes_max(), 64 << 20, 1, kBytesMax, &settings.tail_bytes_max},
      {"limits.grpc_bytes_max", limits.grpc_bytes_max(), 512 << 20, 64 << 20, kBytesMax, &settings.grpc_bytes_max},
      {"limits.connections_max", limits.connections_max(), ConnectionLimits().connections_max, 1, kConnectionsMax,
       &settings.connections_max},
      {"limits.connections_per_address", limits.connections_per_address(), ConnectionLimits().connections_per_address,
       1, kConnectionsMax, &settings.connections_per_address},
      {"limits.free_space_bytes_min", limits.free_space_bytes_min(), 256 << 20, 1, kBytesMax,
       &settings.free_space_bytes_min},
      {"limits.idempotence_events_max", limits.idempotence_events_max(), 2 << 20, 2, kCountMax,
       &settings.idempotence_events_max},
  };
  for (const Bound& bound : bounds) {
    if (absl::Status status = ReadBound(file, bound); !status.ok()) {
      return status;
    }
  }
  settings.idempotence_age = limits.has_idempotence_age() ? ToDuration(limits.idempotence_age()) : absl::Hours(24);
  if (settings.idempotence_age < absl::Seconds(1) || settings.idempotence_age > absl::Hours(8'760)) {
    return file.Error("limits.idempotence_age", fmt::format("is {}; allowed is 1s to 8760h, both included",
                                                            absl::FormatDuration(settings.idempotence_age)));
  }
  return absl::OkStatus();
}

absl::Status ReadRetention(const config::v1::Retention& retention, const ConfigFile& file, Settings& settings) {
  settings.retention_age = retention.has_age() ? ToDuration(retention.age()) : absl::Hours(168);
  settings.retention_bytes_max = retention.has_bytes_max() ? retention.bytes_max() : uint64_t{8} << 30;
  settings.retention_check_interval =
      retention.has_check_interval() ? ToDuration(retention.check_interval()) : absl::Seconds(10);
  if (settings.retention_check_interval < absl::Seconds(1) || settings.retention_check_interval > absl::Hours(1)) {
    return file.Error("retention.check_interval", fmt::format("is {}; allowed is 1s to 1h, both included",
                                                              absl::FormatDuration(settings.retention_check_interval)));
  }
  return absl::OkStatus();
}

absl::Status ReadListeners(const config::v1::Server& config, const ConfigFile& file, Settings& settings) {
  absl::Status status = ReadAddress(file, "listen", config.listen(), kListenDefault, settings.listen);
  status.Update(ReadAddress(file, "admin_listen", config.admin_listen(), kAdminListenDefault, settings.admin_listen));
  if (!status.ok() || !IsExposed(settings.listen, settings.tls, config.has_auth())) {
    return status;
  }
  if (!config.insecure()) {
    return file.Error(
        "listen", fmt::format("is {}, which other machines can reach, and {}; allowed is a loopback address, any with "
                              "tls and its client_ca or auth, or any with insecure: true",
                              settings.listen.ToString(),
                              settings.tls.certificate.empty() ? "gRPC here has neither TLS nor authentication"
                                                               : "gRPC here does not know who calls"));
  }
  settings.exposed = true;
  return absl::OkStatus();
}

absl::Status ReadTls(const config::v1::Server& config, const ConfigFile& file, Settings& settings) {
  const config::v1::ServerTls& tls = config.tls();
  if (!config.has_tls()) {
    return absl::OkStatus();
  }
  if (tls.certificate().empty() || tls.key().empty()) {
    return file.Error(tls.certificate().empty() ? "tls.certificate" : "tls.key", "is required; it names a PEM file");
  }
  const auto resolve = [&file](const std::string& path) { return path.empty() ? path : file.Resolve(path); };
  settings.tls = {.certificate = resolve(tls.certificate()), .key = resolve(tls.key()), .ca = resolve(tls.client_ca())};
  if (const absl::StatusOr<TlsPems> pems = ReadTlsFiles(settings.tls, absl::Now()); !pems.ok()) {
    return file.Error("tls", Message(pems.status()));
  }
  if (tls.client_ca().empty()) {
    return tls.has_connection_age_max()
               ? file.Error("tls.connection_age_max", "is there without client_ca, whose certificates it is for")
               : absl::OkStatus();
  }
  settings.connection_age_max = tls.has_connection_age_max() ? ToDuration(tls.connection_age_max()) : absl::Hours(24);
  if (settings.connection_age_max < absl::Seconds(1) || settings.connection_age_max > absl::Hours(8'760)) {
    return file.Error("tls.connection_age_max", fmt::format("is {}; allowed is 1s to 8760h, both included",
                                                            absl::FormatDuration(settings.connection_age_max)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Settings> CheckConfig(const config::v1::Server& config, const ConfigFile& file) {
  Settings settings;
  absl::Status status = ReadTls(config, file, settings);
  absl::StatusOr<Access> access = CheckAccess(config, file);
  status.Update(access.status());
  status.Update(ReadListeners(config, file, settings));
  status.Update(ReadRetention(config.retention(), file, settings));
  status.Update(ReadLimits(config.limits(), file, settings));
  if (!status.ok()) {
    return status;
  }
  settings.access = *std::move(access);
  settings.log_level = config.log_level().empty() ? "info" : config.log_level();
  if (absl::Status level = ValidateLogLevel(settings.log_level); !level.ok()) {
    return file.Error("log_level", Message(level));
  }
  settings.memory = config.engine() == config::v1::LOG_ENGINE_MEMORY;
  settings.sync = config.sync() != config::v1::SYNC_MODE_NEVER;
  if (!settings.memory && config.data_dir().empty()) {
    return file.Error("data_dir",
                      "is not set; the rocksdb engine needs the directory of the log (or choose engine: "
                      "memory)");
  }
  settings.data_dir = config.data_dir();
  settings.descriptor_sets.assign(config.descriptor_sets().begin(), config.descriptor_sets().end());
  return settings;
}

}  // namespace weir::server
