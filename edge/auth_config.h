// The part of weir-edge's configuration that says whose tokens are good, checked: keys are loaded.
#ifndef WEIR_EDGE_AUTH_CONFIG_H_
#define WEIR_EDGE_AUTH_CONFIG_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/config_file.h"
#include "base/jwt.h"
#include "base/revocations.h"
#include "edge/http/tickets.h"
#include "edge/jwks_refresher.h"
#include "weir/config/v1/edge.pb.h"

namespace weir::edge {

struct AuthConfig {
  // Verifies tokens. Null: there are no keys, and no route asks for a token.
  std::shared_ptr<const JwtVerifier> verifier;
  absl::Duration leeway = absl::Seconds(30);
  // Fetches the keys of those providers that publish them; not started. Never null.
  std::shared_ptr<JwksRefresher> jwks;
  // Null: there are none.
  std::shared_ptr<const Tickets> tickets;
  // Which tokens are revoked: the edge's, put there by it. Null: none are.
  std::shared_ptr<const Revocations> revocations;
  size_t revocations_max = Revocations::kEntriesMaxDefault;
  absl::Duration stream_age_max = absl::InfiniteDuration();
  // What the operator should know all the same, to be logged: keys of a set that cannot be used.
  std::vector<std::string> warnings;
};

// INVALID_ARGUMENT with the place in the file and what is allowed.
absl::StatusOr<AuthConfig> CheckAuth(const config::v1::Edge& edge, const ConfigFile& file);

}  // namespace weir::edge

#endif  // WEIR_EDGE_AUTH_CONFIG_H_
