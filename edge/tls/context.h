// The edge's certificate, and how it speaks TLS: 1.2 and 1.3 with forward secrecy and authenticated encryption alone
// (what Mozilla calls intermediate, without finite-field DH), HTTP/1.1 by ALPN, no renegotiation, no compression, no
// early data, tickets for TLS 1.3. Const after Load but for its ticket keys; any thread.
#ifndef WEIR_EDGE_TLS_CONTEXT_H_
#define WEIR_EDGE_TLS_CONTEXT_H_

#include <array>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "edge/tls/session.h"
#include "edge/tls/ticket_keys.h"

struct ssl_ctx_st;

namespace weir::edge {

class TlsContext : public std::enable_shared_from_this<TlsContext> {
  struct Private {};

 public:
  // Reads PEM files: the certificate with its chain behind it, and its private key without a password.
  // INVALID_ARGUMENT names the file and what is wrong with it. `monotonic` is what ticket keys change by.
  static absl::StatusOr<std::shared_ptr<const TlsContext>> Load(const std::string& certificate_file,
                                                                const std::string& key_file,
                                                                Clock monotonic = MonotonicClock());

  TlsContext(Private, Clock monotonic);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // A session on that socket. Null: there is no memory.
  std::unique_ptr<TlsSession> Accept(int fd) const;

  // The same certificate, chain and key.
  bool SameAs(const TlsContext& other) const { return digest_ == other.digest_; }
  // When the certificate ends.
  absl::Time expires() const { return expires_; }

  // Of the sessions' handshakes.
  TicketKeys& ticket_keys() const { return ticket_keys_; }

 private:
  absl::Status Configure();
  absl::Status ReadFiles(const std::string& certificate_file, const std::string& key_file);

  struct Free {
    void operator()(ssl_ctx_st* context) const;
  };
  const std::unique_ptr<ssl_ctx_st, Free> context_;
  mutable TicketKeys ticket_keys_;
  std::array<unsigned char, 32> digest_ = {};
  absl::Time expires_;
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_TLS_CONTEXT_H_
