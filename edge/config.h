// The configuration of weir-edge, checked: YAML (weir.config.v1.Edge), then the environment, then flags.
//
// After a load nothing needs checking again, but for what only the machine can tell: whether an address can be bound.
#ifndef WEIR_EDGE_CONFIG_H_
#define WEIR_EDGE_CONFIG_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/address.h"
#include "base/config_file.h"
#include "base/tls_files.h"
#include "edge/auth_config.h"
#include "edge/http/admission_limits.h"
#include "edge/http/cors.h"
#include "edge/http/ip_address.h"
#include "edge/http/static_files.h"
#include "edge/routes.h"
#include "edge/tls/context.h"
#include "weir/config/v1/edge.pb.h"

namespace weir::edge {

// What flags and environment set, by field of weir.config.v1.Edge.
struct EdgeOverrides {
  struct Value {
    std::string field;   // `listen`, `static.directory`
    std::string text;    // as given; a path is relative to the working directory
    std::string origin;  // `--listen` or `WEIR_EDGE_LISTEN`, for messages
  };
  std::vector<Value> values;  // a later one wins
};

struct EdgeConfig {
  Address listen = {"127.0.0.1", 8080};
  Address admin_listen = {"127.0.0.1", 9901};
  Address server = {"127.0.0.1", 50051};
  TlsFiles server_tls;            // without `ca`: no TLS
  std::string server_token_file;  // empty: no token is shown
  uint32_t threads = 1;
  std::string log_level = "info";

  uint64_t tail_bytes_max = uint64_t{64} << 20U;
  absl::Duration tail_history = absl::Minutes(5);

  AuthConfig auth;

  // What browsers' connections speak TLS with. Null: they do not.
  std::shared_ptr<const TlsContext> tls;

  Routes routes;
  std::optional<StaticOptions> static_files;
  CorsOptions cors;
  std::vector<std::string> hosts;

  // As EdgeLimits; all set.
  struct Limits : AdmissionLimits {
    uint64_t head_bytes_max = 16 * 1024;
    absl::Duration head_timeout = absl::Seconds(10);
    absl::Duration keep_alive_timeout = absl::Seconds(60);
    uint64_t send_buffer_bytes = 256 * 1024;
    absl::Duration slow_reader_timeout = absl::Seconds(60);
    uint64_t history_reads_max = 64;
    uint64_t websocket_messages_per_minute = 1200;
  } limits;

  Networks trusted_proxies;
  bool proxy_protocol = false;

  absl::Duration drain_window = absl::Seconds(5);
  absl::Duration drain_retry_max = absl::Seconds(5);

  // For errors that are found later.
  ConfigFile file;
};

// Checks `edge`, which came from `file`, and fills in the defaults. INVALID_ARGUMENT `FILE:LINE:COLUMN: key: what;
// allowed is …`. `processors` is the default of `threads`.
absl::StatusOr<EdgeConfig> CheckEdgeConfig(const config::v1::Edge& edge, ConfigFile file, uint32_t processors);

// Reads `path` (nothing when it is empty), applies the overrides in their order, and checks. Errors also of reading the
// file.
absl::StatusOr<EdgeConfig> LoadEdgeConfig(const std::string& path, const EdgeOverrides& overrides, uint32_t processors);

// What a running edge cannot change, `next` gets from `running`. Returns the keys in which they differed.
std::vector<std::string_view> KeepFixed(const EdgeConfig& running, EdgeConfig& next);

}  // namespace weir::edge

#endif  // WEIR_EDGE_CONFIG_H_
