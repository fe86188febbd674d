// Where an edge's route is: `https://edge.example:8443/stream?topic=a`.
#ifndef WEIR_CLIENTS_CLI_EDGE_URL_H_
#define WEIR_CLIENTS_CLI_EDGE_URL_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/address.h"
#include "load/endpoint.h"

namespace weir::cli {

struct EdgeUrl {
  bool tls = false;
  Address address;
  std::string host;    // as the request's `Host` says it
  std::string target;  // path and query
};

// Pure. INVALID_ARGUMENT is a sentence that says what is wrong and what is allowed.
absl::StatusOr<EdgeUrl> ParseEdgeUrl(std::string_view text);

// The first of the host's addresses that takes a connection. Waits for names, and up to 5 s for each address.
absl::StatusOr<load::Endpoint> FindEndpoint(const Address& address);

}  // namespace weir::cli

#endif  // WEIR_CLIENTS_CLI_EDGE_URL_H_
