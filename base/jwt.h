// JSON Web Tokens (RFC 7519, with the practices of RFC 8725): checking them, and making them.
#ifndef WEIR_BASE_JWT_H_
#define WEIR_BASE_JWT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/jwt_key.h"
#include "base/verified_tokens.h"

namespace weir {

// Bytes of a token; longer ones are refused unread, and not made.
inline constexpr size_t kJwtBytesMax = 8192;
// Levels of JSON objects and arrays in a token's header and claims, and values in each of the two.
inline constexpr int kJwtDepthMax = 16;
inline constexpr size_t kJwtValuesMax = 512;

// Whose tokens are tried with keys of their own, and with no others.
struct JwtProvider {
  std::string issuer;                  // the exact `iss`
  std::vector<std::string> audiences;  // when not empty, `aud` must be, or hold, one of them
  // Empty: they are not known yet, and nothing can be said about its tokens.
  std::vector<JwtKey> keys;

  bool operator==(const JwtProvider& other) const {  // but for the keys
    return issuer == other.issuer && audiences == other.audiences;
  }
};

struct JwtVerifierOptions {
  static constexpr size_t kKeysMax = 64;
  static constexpr size_t kProvidersMax = 16;
  static constexpr absl::Duration LeewayMax() { return absl::Minutes(5); }

  // For tokens of no provider: at most 64; none at all without a provider is refused. A token that names a `kid` is
  // tried with the keys of that id and those without one, else with all.
  std::vector<JwtKey> keys;

  // At most 16, with different issuers.
  std::vector<JwtProvider> providers;

  // Of tokens of no provider: when not empty, `iss` must be one of them.
  std::vector<std::string> issuers;

  // The same: when not empty, `aud` must be, or hold, one of them.
  std::vector<std::string> audiences;

  // Called when no key of a provider has the token's algorithm and id, so that its keys are perhaps others by now. On
  // any thread. True: that is being found out, and the token may be shown again. Null: it is not.
  std::function<bool(const std::string& issuer)> key_missing = nullptr;

  // Where signatures are remembered that were found good; also of other verifiers. Null: nowhere.
  std::shared_ptr<VerifiedTokens> verified = nullptr;

  // How far the issuer's clock may be off, for `exp`, `nbf` and `iat`: 0 to 5 minutes, both included.
  absl::Duration leeway = absl::Seconds(30);

  // How long a token may last: from `iat` to `exp`, or, where it does not say when it was issued, from now (and
  // leeway).
  absl::Duration lifetime_max = absl::InfiniteDuration();
};

struct JwtClaims {
  nlohmann::json claims;  // the whole claims set: an object
  std::string subject;    // `sub`; empty when absent
  absl::Time expires;     // `exp` as it stands, without leeway
  uint32_t key = 0;       // names the key that verified it, as the issuer's; never 0
};

// Checks tokens in the compact form. Immutable but for what it remembers; any thread.
//
// A token is good when it is at most 8 KiB of three strict base64url parts; header and claims are JSON objects without
// duplicate members and within the limits above; `alg` is the algorithm of a key of its `iss` that fits, and that key
// verifies the signature; there is no `crit`; `exp` is there and not over; and `nbf`, `iat`, `iss`, `aud`, `sub` and
// `jti` are, if present, of the right type and allow it. Keys that a header brings along or points to (`jwk`, `jku`,
// `x5c`, `x5u`) are not looked at.
class JwtVerifier {
 public:
  // INVALID_ARGUMENT when an option is out of its range.
  static absl::StatusOr<JwtVerifier> Make(JwtVerifierOptions options);

  // UNAUTHENTICATED with the reason; the text holds nothing of the token. UNAVAILABLE: whether it is good is known a
  // little later, when the keys of its issuer are.
  absl::StatusOr<JwtClaims> Verify(std::string_view token, absl::Time now) const;

  // Whether it has the key that JwtClaims::key names. The same key in another provider's hands is another one.
  bool HasKey(uint32_t name) const;
  // Whether it judges tokens alike, but for the keys.
  bool SameRules(const JwtVerifier& other) const;
  bool SameKeys(const JwtVerifier& other) const;

  // The same rules with other keys for that provider. INVALID_ARGUMENT: there is no such one, or they are too many.
  absl::StatusOr<JwtVerifier> WithKeys(std::string_view issuer, std::vector<JwtKey> keys) const;
  // The same, remembering there.
  JwtVerifier Remembering(std::shared_ptr<VerifiedTokens> verified) const;
  const JwtVerifierOptions& options() const { return options_; }

 private:
  explicit JwtVerifier(JwtVerifierOptions options) : options_(std::move(options)) {}

  struct Parts;
  absl::Status CheckSignature(const nlohmann::json& header, const Parts& parts, const JwtProvider* provider,
                              uint32_t& matched) const;
  bool IsSignedBy(const JwtKey& key, const Parts& parts, std::string_view signature) const;
  absl::Status CheckTimes(const nlohmann::json& claims, absl::Time now, absl::Time& expires) const;
  absl::Status CheckParties(const nlohmann::json& claims, const JwtProvider* provider) const;
  // Null: of none.
  const JwtProvider* ProviderOf(const nlohmann::json& claims) const;

  JwtVerifierOptions options_;
};

// Whether an error of Verify means that the token was good once: the client should get a new one.
bool IsJwtExpired(const absl::Status& status);

// Makes a token with the key's algorithm and, if it has one, its id as `kid`. The claims are the caller's, `exp`
// included. INVALID_ARGUMENT when they are no object, not UTF-8 or too long; FAILED_PRECONDITION for a public key.
absl::StatusOr<std::string> SignJwt(const JwtKey& key, const nlohmann::json& claims);

}  // namespace weir

#endif  // WEIR_BASE_JWT_H_
