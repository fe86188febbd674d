#include "tests/support/certificate.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>

#include "base/openssl_ptr.h"

namespace weir::testing {
namespace {

using openssl::BioPtr;
using openssl::X509Ptr;
using KeyPtr = openssl::PkeyPtr;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, openssl::Deleter<X509_EXTENSION_free>>;

void Check(bool good) {
  if (!good) {
    ERR_print_errors_fp(stderr);
    std::abort();
  }
}

std::string Pem(const std::function<int(BIO*)>& write) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  Check(write(bio.get()) == 1);
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &bytes);
  return {bytes, static_cast<size_t>(size)};
}

void AddExtension(X509* certificate, int kind, const std::string& value) {
  const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str()));
  Check(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1);
}

}  // namespace

Certificate MakeCertificate(const CertificateOptions& options) {
  constexpr long kDay = 24 * 60 * 60;
  const KeyPtr key(options.rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256"));
  const X509Ptr certificate(X509_new());
  Check(key != nullptr && certificate != nullptr);
  X509* const x509 = certificate.get();
  X509_set_version(x509, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
  X509_gmtime_adj(X509_getm_notBefore(x509), options.days < 0 ? 2 * options.days * kDay : -kDay);
  X509_gmtime_adj(X509_getm_notAfter(x509), options.days * kDay);
  Check(X509_set_pubkey(x509, key.get()) == 1);
  X509_NAME* const name = X509_get_subject_name(x509);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(options.name.c_str()),
                             -1, -1, 0);
  X509_set_issuer_name(x509, name);
  AddExtension(x509, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
  AddExtension(x509, NID_basic_constraints, "critical,CA:TRUE");
  Check(X509_sign(x509, key.get(), EVP_sha256()) > 0);
  return {Pem([&](BIO* bio) { return PEM_write_bio_X509(bio, x509); }), Pem([&](BIO* bio) {
            return PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
          })};
}

std::vector<std::string> Encrypted(const std::string& key, const std::string& password) {
  const BioPtr bio(BIO_new_mem_buf(key.data(), static_cast<int>(key.size())));
  const KeyPtr pkey(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  Check(pkey != nullptr);
  const int size = static_cast<int>(password.size());
  return {Pem([&](BIO* out) {
            return PEM_write_bio_PKCS8PrivateKey(out, pkey.get(), EVP_aes_256_cbc(), password.c_str(), size, nullptr,
                                                 nullptr);
          }),
          Pem([&](BIO* out) {
            const auto* const text = reinterpret_cast<const unsigned char*>(password.c_str());
            return PEM_write_bio_PrivateKey_traditional(out, pkey.get(), EVP_aes_256_cbc(), text, size, nullptr,
                                                        nullptr);
          })};
}

}  // namespace weir::testing
