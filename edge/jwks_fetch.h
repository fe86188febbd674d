// Fetches a JWK set over HTTPS, by libcurl. Any thread; blocks.
#ifndef WEIR_EDGE_JWKS_FETCH_H_
#define WEIR_EDGE_JWKS_FETCH_H_

#include <atomic>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace weir::edge {

struct JwksLocation {
  std::string url;
  std::string ca_file;  // whom to trust instead of the system's; empty: the system's

  bool operator==(const JwksLocation&) const = default;
};

struct JwksAnswer {
  std::string body;
  std::optional<absl::Duration> max_age;  // of Cache-Control; zero for no-cache and no-store
};

// Whether keys may be fetched there: `https://…`, or `http://…` on loopback, without user and password.
bool IsJwksUrl(std::string_view url);

// Of a `Cache-Control` header's value.
std::optional<absl::Duration> MaxAgeOf(std::string_view cache_control);

// Takes at most 5 s and 64 KiB, follows no redirection, and wants a 200. UNAVAILABLE says why not. `cancelled` ends it
// within about a second.
absl::StatusOr<JwksAnswer> FetchJwks(const JwksLocation& location, const std::atomic<bool>& cancelled);

}  // namespace weir::edge

#endif  // WEIR_EDGE_JWKS_FETCH_H_
