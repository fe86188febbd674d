#include "edge/tls/session.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

namespace weir::edge {

// The socket as OpenSSL sees it. Its own BIO for sockets would raise SIGPIPE.
struct TlsSocketBio {
  static TlsSession& Of(BIO* bio) { return *static_cast<TlsSession*>(BIO_get_data(bio)); }

  static int Write(BIO* bio, const char* bytes, int size) {
    TlsSession& session = Of(bio);
    BIO_clear_retry_flags(bio);
    const ssize_t sent = ::send(session.fd_, bytes, static_cast<size_t>(size), MSG_NOSIGNAL | MSG_DONTWAIT);
    session.took_bytes_ |= sent > 0;
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
      BIO_set_retry_write(bio);
    }
    return static_cast<int>(sent);
  }
  static int Read(BIO* bio, char* buffer, int size) {
    TlsSession& session = Of(bio);
    BIO_clear_retry_flags(bio);
    const ssize_t got = ::recv(session.fd_, buffer, static_cast<size_t>(size), MSG_DONTWAIT);
    session.ended_ |= got == 0;
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
      BIO_set_retry_read(bio);
    }
    return static_cast<int>(got);
  }
  static long Control(BIO* bio, int command, long /*number*/, void* /*pointer*/) {
    switch (command) {
      case BIO_CTRL_FLUSH:
        return 1;
      case BIO_CTRL_EOF:
        return Of(bio).ended_ ? 1 : 0;
      default:
        return 0;
    }
  }

  static const BIO_METHOD* Method() {
    static const BIO_METHOD* const method = [] {
      BIO_METHOD* const made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "weir connection");
      BIO_meth_set_write(made, &Write);
      BIO_meth_set_read(made, &Read);
      BIO_meth_set_ctrl(made, &Control);
      return made;
    }();
    return method;
  }
};

namespace {

TlsResult ResultOf(unsigned long error) {
  // Alerts that the client sent count from here.
  if (ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) >= SSL_AD_REASON_OFFSET) {
    return TlsResult::kRejected;
  }
  switch (ERR_GET_REASON(error)) {
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_INAPPROPRIATE_FALLBACK:
      return TlsResult::kUnsupported;
    case SSL_R_NO_APPLICATION_PROTOCOL:
      return TlsResult::kNoProtocol;
    default:
      return TlsResult::kMalformed;
  }
}

}  // namespace

TlsSession::TlsSession(std::shared_ptr<const TlsContext> context, ssl_st* ssl, int fd)
    : context_(std::move(context)), ssl_(ssl), fd_(fd) {
  BIO* const bio = BIO_new(TlsSocketBio::Method());
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_, bio, bio);
  SSL_set_accept_state(ssl_);
}

TlsSession::~TlsSession() { SSL_free(ssl_); }

TlsSession::Step TlsSession::ShakeHands() {
  ERR_clear_error();
  needs_room_ = false;
  const int result = SSL_do_handshake(ssl_);
  if (result == 1) {
    result_ = SSL_session_reused(ssl_) == 1 ? TlsResult::kResumed : TlsResult::kOk;
    return Step::kDone;
  }
  const int error = SSL_get_error(ssl_, result);
  needs_room_ = error == SSL_ERROR_WANT_WRITE;
  if (needs_room_ || error == SSL_ERROR_WANT_READ) {
    return Step::kWaits;
  }
  failed_ = true;
  result_ = error == SSL_ERROR_SSL ? ResultOf(ERR_peek_error()) : TlsResult::kClosed;
  return Step::kFailed;
}

ssize_t TlsSession::Send(std::string_view bytes) {
  size_t taken = 0;
  while (taken < bytes.size()) {
    const std::string_view rest = bytes.substr(taken);
    ERR_clear_error();
    const int result =
        failed_ ? -1 : SSL_write(ssl_, rest.data(), static_cast<int>(std::min<size_t>(rest.size(), INT_MAX)));
    if (result > 0) {
      taken += static_cast<size_t>(result);
      continue;
    }
    // What failed for good fails again at the next call.
    const ssize_t failure = Fail(result, true);
    return taken > 0 ? static_cast<ssize_t>(taken) : failure;
  }
  return static_cast<ssize_t>(taken);
}

ssize_t TlsSession::Receive(char* buffer, size_t size) {
  ERR_clear_error();
  needs_room_ = false;
  const int result = failed_ ? -1 : SSL_read(ssl_, buffer, static_cast<int>(std::min<size_t>(size, INT_MAX)));
  return result > 0 ? result : Fail(result, false);
}

// What Send or Receive returns, with errno.
ssize_t TlsSession::Fail(int result, bool sending) {
  const int error = failed_ ? SSL_ERROR_SSL : SSL_get_error(ssl_, result);
  if (error == SSL_ERROR_WANT_WRITE || (error == SSL_ERROR_WANT_READ && !sending)) {
    needs_room_ = !sending && error == SSL_ERROR_WANT_WRITE;
    errno = EAGAIN;
    return -1;
  }
  if (error == SSL_ERROR_ZERO_RETURN && !sending) {
    return 0;
  }
  // Also a client that begins to change its keys and does not go on: nothing could be sent to it, and the socket has
  // room, so that waiting would not end.
  failed_ = true;
  errno = EPROTO;
  return -1;
}

bool TlsSession::holds_bytes() const { return SSL_pending(ssl_) > 0; }

void TlsSession::SayGoodbye() {
  if (!failed_ && SSL_is_init_finished(ssl_) == 1) {
    ERR_clear_error();
    SSL_shutdown(ssl_);
  }
}

bool TlsSession::TookBytes() { return std::exchange(took_bytes_, false); }

}  // namespace weir::edge
