// Certificates for tests, made on the spot: self-signed, for `localhost` and 127.0.0.1, valid from yesterday on.
#ifndef WEIR_TESTS_SUPPORT_CERTIFICATE_H_
#define WEIR_TESTS_SUPPORT_CERTIFICATE_H_

#include <string>
#include <vector>

namespace weir::testing {

struct CertificateOptions {
  std::string name = "localhost";
  bool rsa = false;  // 2048 bits; else on P-256
  long days = 30;    // until it ends
};

// PEM.
struct Certificate {
  std::string certificate;
  std::string key;
};

// Aborts when OpenSSL fails.
Certificate MakeCertificate(const CertificateOptions& options = {});

// The key in each form of PEM that is encrypted: PKCS #8 and OpenSSL's own.
std::vector<std::string> Encrypted(const std::string& key, const std::string& password);

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_CERTIFICATE_H_
