// Who is asking: finds the token of a request and has it verified.
//
// A verified token is remembered by its SHA-256 until it expires, so that reconnections cost a hash instead of a
// signature. Bounded by `entries_max`; the least recently used go first, in halves. Tokens themselves are not kept, and
// nothing of them is in an error's text. One thread.
#ifndef WEIR_EDGE_HTTP_ACCESS_H_
#define WEIR_EDGE_HTTP_ACCESS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/jwt.h"
#include "edge/revocations.h"

namespace weir::edge {

class Access {
 public:
  // `verifier` may be null: then every token is refused. `leeway` is the verifier's: a token counts until `exp` and
  // that. `revocations` null: none is revoked.
  Access(std::shared_ptr<const JwtVerifier> verifier, absl::Duration leeway,
         std::shared_ptr<const Revocations> revocations = nullptr, size_t entries_max = 2048)
      : verifier_(std::move(verifier)),
        revocations_(std::move(revocations)),
        leeway_(leeway),
        half_entries_max_(entries_max / 2) {}

  // `authorization` is the header's value (`Bearer …` counts first), `query_token` the parameter's. UNAUTHENTICATED;
  // TokenRevokedError; UNAVAILABLE: whether it is good is not known just now.
  absl::StatusOr<std::shared_ptr<const JwtClaims>> Check(std::string_view authorization,
                                                         std::optional<std::string_view> query_token, absl::Time now);

  // When a token stops counting.
  absl::Time EndOf(const JwtClaims& claims) const { return claims.expires + leeway_; }

 private:
  using Digest = std::array<unsigned char, 32>;
  struct DigestHash {
    size_t operator()(const Digest& digest) const {
      size_t value = 0;
      std::memcpy(&value, digest.data(), sizeof(value));
      return value;
    }
  };
  using Cache = absl::flat_hash_map<Digest, std::shared_ptr<const JwtClaims>, DigestHash>;

  absl::StatusOr<std::shared_ptr<const JwtClaims>> Verify(std::string_view authorization,
                                                          std::optional<std::string_view> query_token, absl::Time now);
  void Remember(const Digest& digest, std::shared_ptr<const JwtClaims> claims);

  std::shared_ptr<const JwtVerifier> verifier_;
  std::shared_ptr<const Revocations> revocations_;
  absl::Duration leeway_;
  size_t half_entries_max_;
  Cache young_;
  Cache old_;
};

// Whose token it is, as text: another for each pair of issuer and subject. Empty: it has no subject.
std::string PrincipalOf(const JwtClaims& claims);

// The token of `Bearer TOKEN` (the scheme in any case), or null.
std::optional<std::string_view> BearerToken(std::string_view authorization);

}  // namespace weir::edge

#endif  // WEIR_EDGE_HTTP_ACCESS_H_
