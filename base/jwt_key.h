// Keys that sign and verify JSON Web Tokens.
#ifndef WEIR_BASE_JWT_KEY_H_
#define WEIR_BASE_JWT_KEY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace weir {

// RFC 7518: HMAC with SHA-256, and ECDSA on P-256 with SHA-256.
enum class JwtAlgorithm { kHs256, kEs256 };

// `HS256`, `ES256`.
std::string_view JwtAlgorithmName(JwtAlgorithm algorithm);

// One key with its algorithm. Immutable and cheap to copy; any thread. The secret is wiped with the last copy.
class JwtKey {
 public:
  static constexpr size_t kSecretBytesMin = 32;
  static constexpr size_t kFileBytesMax = 16384;

  // Reads a key of `algorithm` (`HS256` or `ES256`) from a file. HS256: the secret's bytes, at least 32, without one
  // trailing newline. ES256: a PEM public key on P-256, or a PEM private key (SEC 1 or PKCS #8, not encrypted), which
  // can also sign. INVALID_ARGUMENT names the file and what is allowed; the operating system's error when it cannot be
  // read.
  static absl::StatusOr<JwtKey> Load(std::string_view algorithm, const std::string& file, std::string id = "");
  // The same, with the algorithm taken from the content: ES256 for PEM, else HS256.
  static absl::StatusOr<JwtKey> LoadAny(const std::string& file, std::string id = "");
  // The same for content that was read from `name`.
  static absl::StatusOr<JwtKey> Parse(std::string_view algorithm, std::string_view content, std::string_view name,
                                      std::string id = "");

  JwtAlgorithm algorithm() const;
  // The key's id (`kid`); empty when it has none.
  const std::string& id() const { return id_; }
  // False for a public key.
  bool can_sign() const;
  // Equal keys (algorithm, id, and what verifies) have equal ones, others practically never; never 0.
  uint32_t fingerprint() const { return fingerprint_; }

  // The signature in its JWS form. FAILED_PRECONDITION unless can_sign().
  absl::StatusOr<std::string> Sign(std::string_view input) const;
  // Whether `signature` (JWS form) is this key's for `input`. Takes the same time wherever an HS256 signature differs.
  bool Verify(std::string_view input, std::string_view signature) const;

 private:
  class Material;

  JwtKey(std::shared_ptr<const Material> material, std::string id);

  std::shared_ptr<const Material> material_;
  std::string id_;
  uint32_t fingerprint_;
};

}  // namespace weir

#endif  // WEIR_BASE_JWT_KEY_H_
