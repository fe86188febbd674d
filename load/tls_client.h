// TLS of a load's connections, driven by readiness as a socket is.
#ifndef WEIR_LOAD_TLS_CLIENT_H_
#define WEIR_LOAD_TLS_CLIENT_H_

#include <openssl/ssl.h>
#include <sys/types.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/openssl_ptr.h"

namespace weir::load {

using SslPtr = std::unique_ptr<SSL, openssl::Deleter<SSL_free>>;
using SslContextPtr = std::unique_ptr<SSL_CTX, openssl::Deleter<SSL_CTX_free>>;

// The client's end of one connection. One thread at a time.
class TlsConnection {
 public:
  explicit TlsConnection(SslPtr ssl) : ssl_(std::move(ssl)) {}

  // Goes on with the handshake. UNAVAILABLE: more must come first; any other error ends the connection, and says why.
  absl::Status Handshake();
  // After the handshake: as send(2) of all bytes, which must fit into the socket's buffer.
  bool Send(std::string_view bytes);
  // After the handshake: as recv(2), a record at a time. `buffer` must take a whole record: 16 KiB.
  ssize_t Receive(std::span<char> buffer);
  // `TLSv1.3 TLS_AES_256_GCM_SHA384`, after the handshake.
  std::string cipher() const;

 private:
  SslPtr ssl_;
};

// What connections to one host share. Any thread. The process must ignore SIGPIPE: OpenSSL writes by write(2).
class TlsClient {
 public:
  // The host's certificate must be for `host`, a name or an address, and come from the authorities in `ca_file` (PEM);
  // empty: from the system's. INVALID_ARGUMENT when the file holds none.
  static absl::StatusOr<std::unique_ptr<TlsClient>> Make(const std::string& ca_file, const std::string& host);

  // Over a connected socket, which stays the caller's.
  TlsConnection Begin(int fd) const;

 private:
  TlsClient(SslContextPtr context, std::string host) : context_(std::move(context)), host_(std::move(host)) {}

  const SslContextPtr context_;
  const std::string host_;
};

}  // namespace weir::load

#endif  // WEIR_LOAD_TLS_CLIENT_H_
