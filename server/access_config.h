// The part of weir-server's configuration that says who may call and do what, checked: keys are loaded, rules compiled.
#ifndef WEIR_SERVER_ACCESS_CONFIG_H_
#define WEIR_SERVER_ACCESS_CONFIG_H_

#include "absl/status/statusor.h"
#include "base/config_file.h"
#include "server/config.h"
#include "weir/config/v1/server.pb.h"

namespace weir::server {

// INVALID_ARGUMENT with the place in the file and what is allowed.
absl::StatusOr<Access> CheckAccess(const config::v1::Server& config, const ConfigFile& file);

}  // namespace weir::server

#endif  // WEIR_SERVER_ACCESS_CONFIG_H_
