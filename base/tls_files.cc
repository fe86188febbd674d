#include "base/tls_files.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "base/openssl_ptr.h"
#include "base/pem.h"
#include "base/secret_file.h"
#include "base/text.h"

namespace weir {
namespace {

using openssl::PkeyPtr;
using openssl::X509Ptr;

absl::Status Invalid(std::string_view file, std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("{}: {}", file, what));
}

// All certificates of the text, in order; none when any of them is broken.
std::vector<X509Ptr> Certificates(std::string_view text) {
  std::optional<std::vector<X509Ptr>> found = pem::ReadCertificates(pem::Open(text).get());
  ERR_clear_error();
  return std::move(found).value_or(std::vector<X509Ptr>());
}

// What OpenSSL would refuse later, in the hands of gRPC, which does not say why: what is too weak for its level of
// security. `key` is the first certificate's.
absl::Status CheckStrength(const std::vector<X509Ptr>& chain, EVP_PKEY* key, const std::string& file) {
  const std::unique_ptr<SSL_CTX, openssl::Deleter<SSL_CTX_free>> context(SSL_CTX_new(TLS_method()));
  ERR_clear_error();
  bool taken = context != nullptr && SSL_CTX_use_certificate(context.get(), chain.front().get()) == 1 &&
               SSL_CTX_use_PrivateKey(context.get(), key) == 1;
  for (size_t i = 1; i < chain.size(); ++i) {
    taken = taken && SSL_CTX_add1_chain_cert(context.get(), chain[i].get()) == 1;
  }
  if (taken) {
    return absl::OkStatus();
  }
  const char* const why = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return Invalid(file,
                 fmt::format("OpenSSL does not take it: {}; allowed is what its level of security does, by default "
                             "keys of RSA from 2048 bits on or of P-256, and signatures with SHA-256",
                             why == nullptr ? "it does not say why" : why));
}

void WarnOfTime(const X509& certificate, const std::string& file, absl::Time now, TlsPems& pems) {
  time_t seconds = absl::ToTimeT(now);
  if (X509_cmp_time(X509_get0_notAfter(&certificate), &seconds) < 0) {
    pems.warnings.push_back(fmt::format("{}: the certificate's time is over; it will be refused", file));
  } else if (X509_cmp_time(X509_get0_notBefore(&certificate), &seconds) > 0) {
    pems.warnings.push_back(fmt::format("{}: the certificate's time has not come; it will be refused", file));
  }
}

absl::Status ReadIdentity(const TlsFiles& files, absl::Time now, TlsPems& pems) {
  if (files.certificate.empty() || files.key.empty()) {
    return files.certificate.empty() ? Invalid(files.key, "the key needs its certificate")
                                     : Invalid(files.certificate, "the certificate needs its key");
  }
  absl::StatusOr<std::string> certificate = ReadSecretFile(files.certificate, kTlsFileBytesMax);
  if (!certificate.ok()) {
    return certificate.status();
  }
  const std::vector<X509Ptr> chain = Certificates(*certificate);
  if (chain.empty()) {
    return Invalid(files.certificate, "is no certificate; allowed is PEM (-----BEGIN CERTIFICATE-----)");
  }
  absl::StatusOr<std::string> key = ReadSecretFile(files.key, kTlsFileBytesMax);
  if (!key.ok()) {
    return key.status();
  }
  const PkeyPtr pkey = pem::ReadPrivateKey(*key);
  const bool fits = pkey != nullptr && X509_check_private_key(chain.front().get(), pkey.get()) == 1;
  ERR_clear_error();
  if (pkey == nullptr) {
    return Invalid(files.key, "is no private key; allowed is PEM without a password");
  }
  if (!fits) {
    return Invalid(files.key, fmt::format("is not the key of the certificate in {}", files.certificate));
  }
  if (absl::Status status = CheckStrength(chain, pkey.get(), files.certificate); !status.ok()) {
    return status;
  }
  WarnOfTime(*chain.front(), files.certificate, now, pems);
  if (const absl::Status open = CheckPermissions(files.key, FileHolds::kSecret); !open.ok()) {
    pems.warnings.emplace_back(Message(open));
  }
  pems.certificate = *std::move(certificate);
  pems.key = *std::move(key);
  return absl::OkStatus();
}

absl::Status ReadAuthorities(const std::string& file, TlsPems& pems) {
  absl::StatusOr<std::string> ca = ReadSecretFile(file, kTlsFileBytesMax);
  if (!ca.ok()) {
    return ca.status();
  }
  if (Certificates(*ca).empty()) {
    return Invalid(file, "holds no certificate of an authority; allowed is PEM (-----BEGIN CERTIFICATE-----)");
  }
  if (const absl::Status open = CheckPermissions(file, FileHolds::kPublicKey); !open.ok()) {
    pems.warnings.emplace_back(Message(open));
  }
  pems.ca = *std::move(ca);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TlsPems> ReadTlsFiles(const TlsFiles& files, absl::Time now) {
  TlsPems pems;
  if (!files.certificate.empty() || !files.key.empty()) {
    if (absl::Status status = ReadIdentity(files, now, pems); !status.ok()) {
      return status;
    }
  }
  if (!files.ca.empty()) {
    if (absl::Status status = ReadAuthorities(files.ca, pems); !status.ok()) {
      return status;
    }
  }
  return pems;
}

}  // namespace weir
