// Files that hold keys and tokens: reading them, and who else may.
#ifndef WEIR_BASE_SECRET_FILE_H_
#define WEIR_BASE_SECRET_FILE_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace weir {

// The whole file. INVALID_ARGUMENT when it has more than `bytes_max` bytes; the operating system's error, with the
// file's name, when it cannot be read. Any thread. The caller wipes what it no longer needs (OPENSSL_cleanse).
absl::StatusOr<std::string> ReadSecretFile(const std::string& file, size_t bytes_max);

// The token that the file holds: one word of visible ASCII, without the white space around it. INVALID_ARGUMENT when it
// holds anything else, without showing it; errors of ReadSecretFile, for more than kTokenFileBytesMax bytes too. Any
// thread.
inline constexpr size_t kTokenFileBytesMax = 16 * 1024;
absl::StatusOr<std::string> ReadTokenFile(const std::string& file);

enum class FileHolds {
  kSecret,     // a secret or a private key: nobody else may read or write it
  kPublicKey,  // a public key or a certificate: nobody else may write it
};

// FAILED_PRECONDITION when others than its owner may do with `file` what they should not: to be said as a warning,
// wherever a key is read. The owner's group may read a secret that belongs to root, as is usual for services. A file
// that cannot be looked at, or that is none (a pipe), is OK: reading it says more. Any thread.
absl::Status CheckPermissions(const std::string& file, FileHolds holds);

}  // namespace weir

#endif  // WEIR_BASE_SECRET_FILE_H_
