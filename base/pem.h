// PEM as OpenSSL reads it. What is encrypted is refused: nobody is asked for a password. Where something cannot be
// read, OpenSSL's queue of errors says why; whoever does not tell it clears it. Any thread.
#ifndef WEIR_BASE_PEM_H_
#define WEIR_BASE_PEM_H_

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pemerr.h>
#include <openssl/x509.h>

#include <optional>
#include <string_view>
#include <vector>

#include "base/openssl_ptr.h"

namespace weir::pem {

// OpenSSL would otherwise ask for it on the terminal.
inline int NoPassword(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*argument*/) { return -1; }

// `text` outlives it.
inline openssl::BioPtr Open(std::string_view text) {
  return openssl::BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// Null: it holds none.
inline openssl::PkeyPtr ReadPrivateKey(std::string_view text) {
  return openssl::PkeyPtr(PEM_read_bio_PrivateKey(Open(text).get(), nullptr, &NoPassword, nullptr));
}

// All that are left, in order; null when one is broken.
inline std::optional<std::vector<openssl::X509Ptr>> ReadCertificates(BIO* bio) {
  std::vector<openssl::X509Ptr> found;
  while (X509* const certificate = PEM_read_bio_X509(bio, nullptr, &NoPassword, nullptr)) {
    found.emplace_back(certificate);
  }
  // They end where no further one begins, and not in the middle of one.
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
    return std::nullopt;
  }
  ERR_clear_error();
  return found;
}

}  // namespace weir::pem

#endif  // WEIR_BASE_PEM_H_
