// JSON Web Tokens (RFC 7519, with the practices of RFC 8725): checking them, and making them.
#ifndef WEIR_BASE_JWT_H_
#define WEIR_BASE_JWT_H_

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/jwt_key.h"

namespace weir {

// Bytes of a token; longer ones are refused unread, and not made.
inline constexpr size_t kJwtBytesMax = 8192;
// Levels of JSON objects and arrays in a token's header and claims.
inline constexpr int kJwtDepthMax = 16;

struct JwtVerifierOptions {
  static constexpr size_t kKeysMax = 16;
  static constexpr absl::Duration LeewayMax() { return absl::Minutes(5); }

  // 1 to 16 keys. A token that names a `kid` is tried with the keys of that id and those without one, else with all.
  std::vector<JwtKey> keys;

  // When not empty, `iss` must be one of them.
  std::vector<std::string> issuers;

  // When not empty, `aud` must be, or hold, one of them.
  std::vector<std::string> audiences;

  // How far the issuer's clock may be off, for `exp`, `nbf` and `iat`: 0 to 5 minutes, both included.
  absl::Duration leeway = absl::Seconds(30);
};

struct JwtClaims {
  nlohmann::json claims;  // the whole claims set: an object
  std::string subject;    // `sub`; empty when absent
  absl::Time expires;     // `exp` as it stands, without leeway
  uint32_t key = 0;       // the fingerprint of the key that verified it
};

// Checks tokens in the compact form. Immutable; any thread.
//
// A token is good when it is at most 8 KiB of three strict base64url parts; header and claims are JSON objects without
// duplicate members; `alg` is the algorithm of a key that fits, and that key verifies the signature; there is no
// `crit`; `exp` is there and not over; and `nbf`, `iat`, `iss`, `aud` and `sub` are, if present, of the right type and
// allow it.
class JwtVerifier {
 public:
  // INVALID_ARGUMENT when an option is out of its range.
  static absl::StatusOr<JwtVerifier> Make(JwtVerifierOptions options);

  // UNAUTHENTICATED with the reason; the text holds nothing of the token.
  absl::StatusOr<JwtClaims> Verify(std::string_view token, absl::Time now) const;

  // Whether it has the key of that fingerprint.
  bool HasKey(uint32_t fingerprint) const;
  // Whether it judges tokens alike, but for the keys.
  bool SameRules(const JwtVerifier& other) const;
  bool SameKeys(const JwtVerifier& other) const;

 private:
  explicit JwtVerifier(JwtVerifierOptions options) : options_(std::move(options)) {}

  absl::Status CheckSignature(const nlohmann::json& header, std::string_view input, std::string_view signature,
                              uint32_t& matched) const;
  absl::Status CheckTimes(const nlohmann::json& claims, absl::Time now, absl::Time& expires) const;
  absl::Status CheckParties(const nlohmann::json& claims) const;

  JwtVerifierOptions options_;
};

// Whether an error of Verify means that the token was good once: the client should get a new one.
bool IsJwtExpired(const absl::Status& status);

// Makes a token with the key's algorithm and, if it has one, its id as `kid`. The claims are the caller's, `exp`
// included. INVALID_ARGUMENT when they are no object, not UTF-8 or too long; FAILED_PRECONDITION for a public key.
absl::StatusOr<std::string> SignJwt(const JwtKey& key, const nlohmann::json& claims);

}  // namespace weir

#endif  // WEIR_BASE_JWT_H_
