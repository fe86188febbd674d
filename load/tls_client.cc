#include "load/tls_client.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <array>
#include <cerrno>
#include <utility>

namespace weir::load {
namespace {

constexpr std::string_view kProtocols = "\x08http/1.1";  // by ALPN

bool IsAddress(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  return inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 || inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
}

std::string Reason() {
  const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
  return reason == nullptr ? "the other side closed" : reason;
}

}  // namespace

absl::Status TlsConnection::Handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) {
    return absl::OkStatus();
  }
  if (const int error = SSL_get_error(ssl_.get(), result); error == SSL_ERROR_WANT_READ) {
    return absl::UnavailableError("the handshake goes on");
  }
  if (const long verified = SSL_get_verify_result(ssl_.get()); verified != X509_V_OK) {
    return absl::UnauthenticatedError(fmt::format("the certificate: {}", X509_verify_cert_error_string(verified)));
  }
  return absl::AbortedError(fmt::format("the TLS handshake: {}", Reason()));
}

bool TlsConnection::Send(std::string_view bytes) {
  ERR_clear_error();
  return SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) == static_cast<int>(bytes.size());
}

ssize_t TlsConnection::Receive(std::span<char> buffer) {
  ERR_clear_error();
  const int count = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()));
  if (count > 0) {
    return count;
  }
  switch (SSL_get_error(ssl_.get(), count)) {
    case SSL_ERROR_WANT_READ:
      errno = EAGAIN;
      return -1;
    case SSL_ERROR_ZERO_RETURN:
      return 0;
    default:
      errno = ECONNRESET;
      return -1;
  }
}

std::string TlsConnection::cipher() const {
  return fmt::format("{} {}", SSL_get_version(ssl_.get()), SSL_get_cipher_name(ssl_.get()));
}

absl::StatusOr<std::unique_ptr<TlsClient>> TlsClient::Make(const std::string& ca_file, const std::string& host) {
  SslContextPtr context(SSL_CTX_new(TLS_client_method()));
  const bool trusts = ca_file.empty() ? SSL_CTX_set_default_verify_paths(context.get()) == 1
                                      : SSL_CTX_load_verify_file(context.get(), ca_file.c_str()) == 1;
  if (!trusts) {
    const std::string reason = Reason();
    ERR_clear_error();
    return absl::InvalidArgumentError(fmt::format("{}: no certificates of authorities: {}",
                                                  ca_file.empty() ? "the system's store" : ca_file, reason));
  }
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_clear_mode(context.get(), SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_alpn_protos(context.get(), reinterpret_cast<const unsigned char*>(kProtocols.data()),
                          static_cast<unsigned>(kProtocols.size()));
  return std::unique_ptr<TlsClient>(new TlsClient(std::move(context), host));
}

TlsConnection TlsClient::Begin(int fd) const {
  SslPtr ssl(SSL_new(context_.get()));
  SSL_set_fd(ssl.get(), fd);
  SSL_set_connect_state(ssl.get());
  if (IsAddress(host_)) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), host_.c_str());
  } else {
    // The macro for it has a cast of the old style.
    SSL_ctrl(ssl.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(host_.c_str()));
    SSL_set1_host(ssl.get(), host_.c_str());
  }
  return TlsConnection(std::move(ssl));
}

}  // namespace weir::load
