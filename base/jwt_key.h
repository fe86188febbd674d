// Keys that sign and verify JSON Web Tokens.
#ifndef WEIR_BASE_JWT_KEY_H_
#define WEIR_BASE_JWT_KEY_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/jwt_signature.h"

namespace weir {

// One key with its algorithm. Immutable and cheap to copy; any thread. The secret is wiped with the last copy.
class JwtKey {
 public:
  static constexpr size_t kSecretBytesMin = 32;
  static constexpr size_t kFileBytesMax = 16384;
  // Of an RSA key. Smaller ones are weak; verifying by larger ones takes long.
  static constexpr int kRsaBitsMin = 2048;
  static constexpr int kRsaBitsMax = 8192;

  // Reads a key of `algorithm` from a file. HS256: the secret's bytes, at least 32, without one trailing newline. The
  // others: a PEM public key, or a PEM private key (PKCS #8, PKCS #1 or SEC 1, not encrypted), which can also sign; RSA
  // of 2048 to 8192 bits for RS256 and PS256, on P-256 for ES256, Ed25519 for EdDSA. INVALID_ARGUMENT names the file
  // and what is allowed; the operating system's error when it cannot be read.
  static absl::StatusOr<JwtKey> Load(std::string_view algorithm, const std::string& file, std::string id = "");
  // The same, with the algorithm taken from the content: RS256, ES256 or EdDSA for PEM, else HS256.
  static absl::StatusOr<JwtKey> LoadAny(const std::string& file, std::string id = "");
  // The same for content that was read from `name`.
  static absl::StatusOr<JwtKey> Parse(std::string_view algorithm, std::string_view content, std::string_view name,
                                      std::string id = "");
  // A key of the numbers of a JWK (RFC 7518 section 6, RFC 8037), as bytes: for HS256 `k`, for RS256 and PS256 `n` and
  // `e`, for ES256 `x` and `y`, for EdDSA `x`. INVALID_ARGUMENT says what is wrong, without a name.
  static absl::StatusOr<JwtKey> FromNumbers(JwtAlgorithm algorithm, std::string_view first, std::string_view second,
                                            std::string id);

  JwtAlgorithm algorithm() const;
  // The key's id (`kid`); empty when it has none.
  const std::string& id() const { return id_; }
  // False for a public key.
  bool can_sign() const;
  // A SHA-256 of algorithm, id, and what verifies: says nothing about the secret.
  const std::array<unsigned char, 32>& identity() const { return identity_; }
  // Its beginning: equal keys have equal ones, others practically never; never 0.
  uint32_t fingerprint() const;

  // The signature in its JWS form. FAILED_PRECONDITION unless can_sign().
  absl::StatusOr<std::string> Sign(std::string_view input) const;
  // Whether `signature` (JWS form) is this key's for `input`. Takes the same time wherever an HS256 signature differs.
  bool Verify(std::string_view input, std::string_view signature) const;

 private:
  class Material;

  JwtKey(std::shared_ptr<const Material> material, std::string id);

  std::shared_ptr<const Material> material_;
  std::string id_;
  std::array<unsigned char, 32> identity_ = {};
};

}  // namespace weir

#endif  // WEIR_BASE_JWT_KEY_H_
