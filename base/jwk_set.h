// JWK sets (RFC 7517): the public keys of an issuer of tokens, as a file or as what a URL gives. Pure; any thread.
#ifndef WEIR_BASE_JWK_SET_H_
#define WEIR_BASE_JWK_SET_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/jwt_key.h"
#include "base/secret_file.h"

namespace weir {

struct JwkSetOptions {
  // Only keys of this algorithm are taken, and an RSA key that names none is of it. Null: of any; such an RSA key is of
  // RS256.
  std::optional<JwtAlgorithm> algorithm;
  // Whether secrets (`kty` `oct`) are taken: never from a URL.
  bool secrets = false;
};

struct JwkSet {
  static constexpr size_t kBytesMax = 64 * 1024;
  static constexpr size_t kKeysMax = 64;

  std::vector<JwtKey> keys;
  // Of the other keys, why they are not used: `keys[2]: its "use" is not "sig"`. Nothing of their content.
  std::vector<std::string> ignored;
  // kSecret when there is a secret or something of a private key, also in a key that is not used.
  FileHolds holds = FileHolds::kPublicKey;
};

// Of a set without keys.
std::string WhyEmpty(const JwkSet& set);

// Whether content that was read from a file is one of a JWK set, rather than a secret or PEM.
bool IsJwkSet(std::string_view content);

// A key is used when `kty`, `crv`, `alg`, `use` and `key_ops` say, as far as they are there, that it is for verifying
// signatures of one of our algorithms, and it is sound; others are ignored (section 5). Members of a private key are
// not used. There may be none: who published the set has withdrawn all. INVALID_ARGUMENT, with `name` in it: it is no
// JSON object with an array `keys`, has a member twice, or more than 64 KiB or 64 keys.
absl::StatusOr<JwkSet> ParseJwkSet(std::string_view content, std::string_view name, const JwkSetOptions& options);

// The keys of a file: a JWK set, or what JwtKey::Load reads, of which `algorithm` and `id` then are. Errors as theirs;
// also when a JWK set has no key that can be used, or is given an id, or anything else no algorithm.
absl::StatusOr<JwkSet> LoadJwtKeys(std::optional<JwtAlgorithm> algorithm, const std::string& file, std::string id = "");

}  // namespace weir

#endif  // WEIR_BASE_JWK_SET_H_
