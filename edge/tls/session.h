// A TLS session over a connection's socket, the server's side of it (RFC 8446, RFC 5246): OpenSSL does what is secret,
// this gives it the manners of a socket that neither waits nor raises a signal.
//
// After the handshake it has no buffer while it is idle; a record of which the kernel took only a part is kept, at most
// 17 KiB. One thread. The socket is the owner's and outlives it. Errors: whatever does not keep to the protocol ends
// the session, and nothing can be sent or received any more.
#ifndef WEIR_EDGE_TLS_SESSION_H_
#define WEIR_EDGE_TLS_SESSION_H_

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

struct ssl_st;

namespace weir::edge {

class TlsContext;

// What became of a handshake, for the metrics.
enum class TlsResult : uint8_t {
  kOk,
  kResumed,      // by a ticket
  kClosed,       // the client went away
  kTimeout,      // it did not come to its end in time
  kPlainHttp,    // no handshake, but an HTTP request
  kUnsupported,  // no protocol version, cipher or curve in common
  kNoProtocol,   // by ALPN the client speaks something else than HTTP/1.1
  kRejected,     // the client did not like it, nearly always the certificate
  kMalformed     // anything else
};
inline constexpr std::array<const char*, 9> kTlsResultNames = {
    "ok", "resumed", "closed", "timeout", "plain_http", "unsupported", "no_protocol", "rejected", "malformed"};

class TlsSession {
 public:
  enum class Step : uint8_t { kDone, kWaits, kFailed };

  TlsSession(std::shared_ptr<const TlsContext> context, ssl_st* ssl, int fd);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  // The handshake, as far as it goes. It waits for bytes, or for room where needs_room().
  Step ShakeHands();
  // When the handshake is done, or has failed.
  TlsResult result() const { return result_; }

  // As of Transport. What is sent goes in records of up to 16 KiB, each in one write to the socket.
  ssize_t Send(std::string_view bytes);
  ssize_t Receive(char* buffer, size_t size);
  // Tells the client that nothing more comes (close_notify), if there is room for it.
  void SayGoodbye();

  // There is something to receive of a record that has come, whatever the socket says.
  bool holds_bytes() const;
  // There is something to send before anything can be received.
  bool needs_room() const { return needs_room_; }
  // Whether the kernel has taken anything since this was last asked: also of a record that Send could not complete.
  bool TookBytes();

 private:
  friend struct TlsSocketBio;

  ssize_t Fail(int result, bool sending);

  const std::shared_ptr<const TlsContext> context_;
  ssl_st* const ssl_;
  const int fd_;
  bool needs_room_ = false;
  bool failed_ = false;
  bool ended_ = false;  // the client sends no more
  bool took_bytes_ = false;
  TlsResult result_ = TlsResult::kTimeout;
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_TLS_SESSION_H_
