// What weir-server is told, by flags, environment and file, in this order of weight; checked before anything starts.
//
// Pure but for reading the file. One thread.
#ifndef WEIR_SERVER_CONFIG_H_
#define WEIR_SERVER_CONFIG_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/address.h"
#include "base/config_file.h"
#include "base/tls_files.h"
#include "server/auth/access_policy.h"
#include "weir/config/v1/server.pb.h"

namespace weir::server {

// The policy of access; equal ones are the same policy.
struct Access {
  std::shared_ptr<const AccessPolicy> policy;  // never null in settings
  // To be logged: a file of a key that others may read.
  std::vector<std::string> warnings = {};

  friend bool operator==(const Access& one, const Access& other) { return one.policy->SameAs(*other.policy); }
};

// All settings, with defaults filled in.
struct Settings {
  Address listen;
  Address admin_listen;
  bool memory = false;   // the memory engine instead of RocksDB
  std::string data_dir;  // not empty with RocksDB
  bool sync = true;
  std::vector<std::string> descriptor_sets;
  absl::Duration retention_age;
  uint64_t retention_bytes_max = 0;
  absl::Duration retention_check_interval;
  uint64_t event_bytes_max = 0;
  uint64_t publish_queue_events_max = 0;
  uint64_t publish_queue_bytes_max = 0;
  uint64_t publish_streams_max = 0;
  uint64_t subscriptions_max = 0;
  uint64_t tail_bytes_max = 0;
  uint64_t grpc_bytes_max = 0;
  uint64_t connections_max = 0;
  uint64_t connections_per_address = 0;
  uint64_t free_space_bytes_min = 0;
  uint64_t idempotence_events_max = 0;
  absl::Duration idempotence_age;
  std::string log_level;
  TlsFiles tls;  // without a certificate: no TLS
  absl::Duration connection_age_max = absl::InfiniteDuration();
  Access access;
  // Written down by the operator (`insecure`), and so it is: others than this machine reach gRPC, and it has no TLS or
  // does not know who calls. To be said at every start.
  bool exposed = false;
  // Only check the configuration.
  bool check = false;

  friend bool operator==(const Settings&, const Settings&) = default;
};

// Whether others than this machine reach gRPC there without anybody asking who they are, or in plain text. `tokens`:
// calls are judged by them.
bool IsExposed(const Address& listen, const TlsFiles& tls, bool tokens);

// The process ends instead of starting: `--help`, `--version`, or a mistake. Code 0 goes to stdout, 2 to stderr.
struct Exit {
  int code = 0;
  std::string text;
};

// An environment variable, or an empty string.
using Environment = std::function<std::string(const std::string& name)>;

// The command line without the program's name.
std::variant<Settings, Exit> ReadSettings(const std::vector<std::string>& arguments, const Environment& environment);

// Checks ranges and meaning, and fills in defaults. INVALID_ARGUMENT `FILE:LINE:COLUMN: path.to.key: what; allowed …`.
absl::StatusOr<Settings> CheckConfig(const config::v1::Server& config, const ConfigFile& file);

}  // namespace weir::server

#endif  // WEIR_SERVER_CONFIG_H_
