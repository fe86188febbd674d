// Who is asking: finds the token of a request and has it verified. Nothing of a token is in an error's text. One
// thread.
#ifndef WEIR_EDGE_HTTP_ACCESS_H_
#define WEIR_EDGE_HTTP_ACCESS_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/jwt.h"
#include "base/revocations.h"

namespace weir::edge {

class Access {
 public:
  // `verifier` may be null: then every token is refused. `leeway` is the verifier's: a token counts until `exp` and
  // that. `revocations` null: none is revoked.
  Access(std::shared_ptr<const JwtVerifier> verifier, absl::Duration leeway,
         std::shared_ptr<const Revocations> revocations = nullptr)
      : verifier_(std::move(verifier)), revocations_(std::move(revocations)), leeway_(leeway) {}

  // `authorization` is the header's value (`Bearer …` counts first), `query_token` the parameter's. UNAUTHENTICATED;
  // TokenRevokedError; UNAVAILABLE: whether it is good is not known just now.
  absl::StatusOr<std::shared_ptr<const JwtClaims>> Check(std::string_view authorization,
                                                         std::optional<std::string_view> query_token, absl::Time now);

  // When a token stops counting.
  absl::Time EndOf(const JwtClaims& claims) const { return claims.expires + leeway_; }

 private:
  absl::StatusOr<std::shared_ptr<const JwtClaims>> Verify(std::string_view authorization,
                                                          std::optional<std::string_view> query_token, absl::Time now);

  std::shared_ptr<const JwtVerifier> verifier_;
  std::shared_ptr<const Revocations> revocations_;
  absl::Duration leeway_;
};

// Whose token it is, as text: another for each pair of issuer and subject. Empty: it has no subject, and is not
// counted.
std::string PrincipalOf(const JwtClaims& claims);

// The same, and of a token without a subject the issuer at least.
std::string PrincipalOrIssuerOf(const JwtClaims& claims);

// The token of `Bearer TOKEN` (the scheme in any case), or null.
std::optional<std::string_view> BearerToken(std::string_view authorization);

}  // namespace weir::edge

#endif  // WEIR_EDGE_HTTP_ACCESS_H_
