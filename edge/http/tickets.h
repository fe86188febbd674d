// Tickets: what stands for a token in the URL of a browser's EventSource, which cannot send headers. docs/http-api.md
// says how they are used and what a stolen one is worth.
//
// A ticket is the token itself, sealed with AES-256-GCM for one path, so every edge with the key takes it without
// asking anybody, and the token is judged anew at each use. Immutable; any thread.
#ifndef WEIR_EDGE_HTTP_TICKETS_H_
#define WEIR_EDGE_HTTP_TICKETS_H_

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/jwt.h"

namespace weir::edge {

class Tickets {
 public:
  static constexpr size_t kKeysMax = 4;
  static constexpr size_t kSecretBytesMin = 32;
  // Of a token that gets a ticket: sealed, it still fits into a cookie of 4 KiB.
  static constexpr size_t kTokenBytesMax = 2800;
  static constexpr absl::Duration Lifetime() { return absl::Minutes(1); }

  // A ticket stands in the query; a pass is what its first use leaves in a cookie.
  enum class Kind : char { kTicket = 't', kPass = 'p' };
  using Principal = std::array<unsigned char, 32>;
  struct Content {
    std::string token;
    absl::Time expires;  // to the second
    Principal principal = {};
  };

  // The first secret seals, all open: 1 to 4, each of at least 32 bytes. INVALID_ARGUMENT.
  static absl::StatusOr<Tickets> Make(const std::vector<std::string>& secrets);

  // Text of [A-Za-z0-9_-]. The token has at most kTokenBytesMax bytes. INTERNAL: OpenSSL fails.
  absl::StatusOr<std::string> Seal(Kind kind, std::string_view path, const Content& content) const;
  // What was sealed for that path, also when its time is over. Null: it was not sealed by one of the keys.
  std::optional<Content> Open(Kind kind, std::string_view path, std::string_view sealed) const;

  // Whose token it is: of issuer and subject.
  static Principal PrincipalOf(const JwtClaims& claims);

 private:
  using Key = std::array<unsigned char, 32>;

  std::vector<Key> keys_;
};

// The values of that name in a `Cookie` header, as they stand there: the first 8.
std::vector<std::string_view> CookieValues(std::string_view cookies, std::string_view name);

}  // namespace weir::edge

#endif  // WEIR_EDGE_HTTP_TICKETS_H_
