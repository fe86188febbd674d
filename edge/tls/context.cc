#include "edge/tls/context.h"

#include <fmt/format.h>
#include <openssl/asn1.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <string_view>
#include <system_error>

#include "base/openssl_ptr.h"
#include "base/pem.h"
#include "base/text.h"

namespace weir::edge {
namespace {

constexpr size_t kFileBytesMax = 1024 * 1024;
// Of TLS 1.2; those of 1.3 are all as good.
constexpr char kCiphers[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr char kGroups[] = "X25519:P-256:P-384";
constexpr std::string_view kHttp11 = "http/1.1";

using openssl::BioPtr;
using CertificatePtr = openssl::X509Ptr;
using KeyPtr = openssl::PkeyPtr;

std::string OpenSslReason() {
  const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
  std::string text = reason == nullptr ? "OpenSSL does not say why" : reason;
  ERR_clear_error();
  return text;
}

absl::Status Fault(std::string_view what, const std::string& file, std::string_view why) {
  return absl::InvalidArgumentError(fmt::format("the {} \"{}\" {}", what, Quotable(file, 200), why));
}

absl::StatusOr<std::string> ReadFile(std::string_view what, const std::string& file) {
  const std::unique_ptr<std::FILE, openssl::Deleter<std::fclose>> stream(std::fopen(file.c_str(), "rb"));
  std::string content(kFileBytesMax + 1, '\0');
  if (stream != nullptr) {
    content.resize(std::fread(content.data(), 1, content.size(), stream.get()));
  }
  if (stream == nullptr || std::ferror(stream.get()) != 0) {
    return Fault(what, file, fmt::format("cannot be read: {}", std::generic_category().message(errno)));
  }
  if (content.size() > kFileBytesMax) {
    return Fault(what, file, "is too large; allowed is 1 MiB");
  }
  return content;
}

// Each client that offers protocols must offer this one (RFC 7301, 3.2).
int SelectProtocol(SSL* /*ssl*/, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                   unsigned int in_size, void* /*argument*/) {
  for (unsigned int at = 0; at < in_size; at += 1U + in[at]) {
    const std::string_view name(reinterpret_cast<const char*>(in + at + 1), std::min(in[at] + 0U, in_size - at - 1));
    if (name == kHttp11) {
      *out = in + at + 1;
      *out_size = in[at];
      return SSL_TLSEXT_ERR_OK;
    }
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

// Seals a ticket, or prepares to open one. TLS 1.2 gets none: there a ticket's key opens the whole session.
int OnTicket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, int sealing) {
  constexpr int kNone = 0;
  constexpr int kGood = 1;
  constexpr int kError = -1;
  const auto* const context = static_cast<const TlsContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  if (SSL_version(ssl) < TLS1_3_VERSION) {
    return kNone;
  }
  TicketKeys& keys = context->ticket_keys();
  std::optional<TicketKeys::Key> key =
      sealing == 1 ? keys.Current() : keys.Find({reinterpret_cast<const char*>(name), sizeof(key->name)});
  if (!key) {
    return kNone;
  }
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->mac.data(), key->mac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
  bool good = EVP_MAC_CTX_set_params(mac, parameters) == 1;
  if (sealing == 1) {
    std::copy(key->name.begin(), key->name.end(), name);
    good = good && RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) == 1 &&
           EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key->cipher.data(), iv) == 1;
  } else {
    good = good && EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key->cipher.data(), iv) == 1;
  }
  OPENSSL_cleanse(&*key, sizeof(*key));
  return good ? kGood : kError;
}

// The first certificate is the server's; those behind it are sent with it.
bool UseChain(SSL_CTX* context, std::string_view text) {
  const BioPtr bio = pem::Open(text);
  const CertificatePtr leaf(PEM_read_bio_X509_AUX(bio.get(), nullptr, &pem::NoPassword, nullptr));
  if (leaf == nullptr || SSL_CTX_use_certificate(context, leaf.get()) != 1) {
    return false;
  }
  const auto others = pem::ReadCertificates(bio.get());
  return others && std::all_of(others->begin(), others->end(), [context](const CertificatePtr& other) {
           return SSL_CTX_add1_chain_cert(context, other.get()) == 1;
         });
}

absl::Time TimeOf(const ASN1_TIME* time) {
  std::tm parts = {};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? absl::FromTimeT(::timegm(&parts)) : absl::InfiniteFuture();
}

}  // namespace

void TlsContext::Free::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }

TlsContext::TlsContext(Private, Clock monotonic)
    : context_(SSL_CTX_new(TLS_server_method())), ticket_keys_(std::move(monotonic)) {}

TlsContext::~TlsContext() = default;

absl::StatusOr<std::shared_ptr<const TlsContext>> TlsContext::Load(const std::string& certificate_file,
                                                                   const std::string& key_file, Clock monotonic) {
  const auto context = std::make_shared<TlsContext>(Private(), std::move(monotonic));
  if (absl::Status status = context->Configure(); !status.ok()) {
    return status;
  }
  if (absl::Status status = context->ReadFiles(certificate_file, key_file); !status.ok()) {
    return status;
  }
  return context;
}

absl::Status TlsContext::Configure() {
  SSL_CTX* const context = context_.get();
  if (context == nullptr || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(context, kCiphers) != 1 || SSL_CTX_set1_groups_list(context, kGroups) != 1) {
    return absl::InternalError(fmt::format("TLS cannot be set up: {}", OpenSslReason()));
  }
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  // A record at a time, whoever sends or asks for more; and no buffers for who is idle.
  SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_mode(context,
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_timeout(context, absl::ToInt64Seconds(TicketKeys::kLifetime));
  SSL_CTX_set_num_tickets(context, 1);
  SSL_CTX_set_app_data(context, this);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, &OnTicket);
  SSL_CTX_set_alpn_select_cb(context, &SelectProtocol, nullptr);
  return absl::OkStatus();
}

absl::Status TlsContext::ReadFiles(const std::string& certificate_file, const std::string& key_file) {
  const absl::StatusOr<std::string> certificate = ReadFile("certificate", certificate_file);
  if (!certificate.ok()) {
    return certificate.status();
  }
  absl::StatusOr<std::string> key = ReadFile("key", key_file);
  if (!key.ok()) {
    return key.status();
  }
  SSL_CTX* const context = context_.get();
  ERR_clear_error();
  if (!UseChain(context, *certificate)) {
    return Fault("certificate", certificate_file, fmt::format("is no PEM certificate: {}", OpenSslReason()));
  }
  const KeyPtr pkey = pem::ReadPrivateKey(*key);
  if (pkey == nullptr) {
    return Fault("key", key_file, fmt::format("is no private key in PEM without a password: {}", OpenSslReason()));
  }
  if (SSL_CTX_use_PrivateKey(context, pkey.get()) != 1 || SSL_CTX_check_private_key(context) != 1) {
    return Fault("key", key_file,
                 fmt::format("is not that of \"{}\": {}", Quotable(certificate_file, 200), OpenSslReason()));
  }
  expires_ = TimeOf(X509_get0_notAfter(SSL_CTX_get0_certificate(context)));
  const std::string both = *certificate + '\0' + *key;
  SHA256(reinterpret_cast<const unsigned char*>(both.data()), both.size(), digest_.data());
  OPENSSL_cleanse(key->data(), key->size());
  return absl::OkStatus();
}

std::unique_ptr<TlsSession> TlsContext::Accept(int fd) const {
  SSL* const ssl = SSL_new(context_.get());
  return ssl == nullptr ? nullptr : std::make_unique<TlsSession>(shared_from_this(), ssl, fd);
}

}  // namespace weir::edge
