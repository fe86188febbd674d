// The signatures of JSON Web Tokens (RFC 7518 section 3, RFC 8037) on OpenSSL's EVP, in their JWS form. Pure; any
// thread. Nothing is left in OpenSSL's queue of errors.
#ifndef WEIR_BASE_JWT_SIGNATURE_H_
#define WEIR_BASE_JWT_SIGNATURE_H_

#include <openssl/evp.h>

#include <optional>
#include <string>
#include <string_view>

namespace weir {

enum class JwtAlgorithm {
  kHs256,  // HMAC with SHA-256
  kRs256,  // RSASSA-PKCS1-v1_5 with SHA-256
  kPs256,  // RSASSA-PSS with SHA-256, MGF1 with SHA-256 and a salt of 32 bytes
  kEs256,  // ECDSA on P-256 with SHA-256
  kEdDsa,  // Ed25519
};

inline constexpr std::string_view kJwtAlgorithmNames = "HS256, RS256, PS256, ES256 or EdDSA";

// `HS256`, `EdDSA`.
std::string_view JwtAlgorithmName(JwtAlgorithm algorithm);
// Of exactly that name, or null.
std::optional<JwtAlgorithm> JwtAlgorithmOf(std::string_view name);

// HMAC with SHA-256. Empty when OpenSSL fails, which means: out of memory.
std::string JwtMac(std::string_view secret, std::string_view input);

// By a private key of the algorithm's kind; not HS256. Empty when OpenSSL fails.
std::string JwtSign(JwtAlgorithm algorithm, EVP_PKEY* pkey, std::string_view input);
// Whether `signature` is that key's, in the one form that the algorithm has.
bool JwtVerifySignature(JwtAlgorithm algorithm, EVP_PKEY* pkey, std::string_view input, std::string_view signature);

}  // namespace weir

#endif  // WEIR_BASE_JWT_SIGNATURE_H_
