// The PEM files of one end of TLS, read and checked before they are used: a half-replaced pair must never go into
// force.
#ifndef WEIR_BASE_TLS_FILES_H_
#define WEIR_BASE_TLS_FILES_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace weir {

// Paths; an empty one is not used. A certificate needs its key, and a key its certificate.
struct TlsFiles {
  std::string certificate = {};  // with the intermediate certificates behind it
  std::string key = {};          // not encrypted
  std::string ca = {};           // the authorities that the other side's certificate must come from

  friend bool operator==(const TlsFiles&, const TlsFiles&) = default;
};

inline constexpr size_t kTlsFileBytesMax = 1 << 20;

// What the files hold.
struct TlsPems {
  std::string certificate;
  std::string key;
  std::string ca;
  // What should be told to somebody, though it works: a key that others may read, a certificate whose time is over.
  std::vector<std::string> warnings;
};

// Reads and checks the files. INVALID_ARGUMENT names the file and what is wrong: it holds no certificate or key, the
// key is another's, they are too weak for OpenSSL; the operating system's error when one cannot be read. Any thread.
absl::StatusOr<TlsPems> ReadTlsFiles(const TlsFiles& files, absl::Time now);

}  // namespace weir

#endif  // WEIR_BASE_TLS_FILES_H_
