// A client's connection: its bytes go through here, whatever lies between them and the socket.
//
// Send and Receive are as send(2) and recv(2) on a socket that neither waits nor raises a signal: the count, or -1 and
// errno, EAGAIN among them. Whoever sent only a part goes on with the very bytes that come next. One thread.
//
// Over TLS, Send takes a record or none of it, and Receive gives at most the rest of one. Of what it leaves of a
// record, up to 16 KiB, the socket does not tell; WhenReadable does.
#ifndef WEIR_EDGE_TRANSPORT_H_
#define WEIR_EDGE_TRANSPORT_H_

#include <poll.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>

#include "edge/tls/session.h"

namespace weir::edge {

using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;

class Transport {
 public:
  explicit Transport(Socket socket) : socket_(std::move(socket)) {}

  // From now on the bytes go through that session.
  void StartTls(std::unique_ptr<TlsSession> session) { tls_ = std::move(session); }
  TlsSession* tls() { return tls_.get(); }  // or null

  Socket& socket() { return socket_; }
  int fd() { return socket_.native_handle(); }
  // The descriptor that may be written to without asking here, or -1.
  int direct_fd() { return tls_ == nullptr ? fd() : -1; }

  ssize_t Send(std::string_view bytes) {
    return tls_ == nullptr ? ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) : tls_->Send(bytes);
  }
  ssize_t Receive(char* buffer, size_t size) {
    return tls_ == nullptr ? ::recv(fd(), buffer, size, MSG_DONTWAIT) : tls_->Receive(buffer, size);
  }
  // Whether the kernel has taken something, since this was last asked, that Send has not counted yet.
  bool TookMore() { return tls_ != nullptr && tls_->TookBytes(); }

  // Calls `handler(error)` once when Receive, or Send, may have something to do.
  template <typename Handler>
  void WhenReadable(Handler&& handler) {
    if (tls_ != nullptr && tls_->holds_bytes()) {
      boost::asio::post(socket_.get_executor(),
                        [handler = std::forward<Handler>(handler)]() mutable { handler(boost::system::error_code()); });
      return;
    }
    const bool for_room = tls_ != nullptr && tls_->needs_room();
    socket_.async_wait(for_room ? Socket::wait_write : Socket::wait_read, std::forward<Handler>(handler));
  }
  template <typename Handler>
  void WhenWritable(Handler&& handler) {
    socket_.async_wait(Socket::wait_write, std::forward<Handler>(handler));
  }
  // Whether the client sends nothing more than what it has sent, also while that is not received.
  bool PeerDone() {
    pollfd poll = {.fd = fd(), .events = POLLRDHUP, .revents = 0};
    return ::poll(&poll, 1, 0) > 0;
  }
  // Those handlers are called at once, with an error; one that was to be called just then, without.
  void Cancel() {
    boost::system::error_code ignored;
    socket_.cancel(ignored);
  }

  // Tells the client that nothing more comes; what it still sends is received as it is on the wire.
  void EndSending() {
    EndTls();
    ::shutdown(fd(), SHUT_WR);
  }
  // The same, and nothing is read any more.
  void Close() {
    EndTls();
    boost::system::error_code ignored;
    socket_.close(ignored);
  }
  // Ends it without a word; what the kernel holds of it is freed.
  void Abort() {
    tls_.reset();
    boost::system::error_code ignored;
    socket_.set_option(boost::asio::socket_base::linger(true, 0), ignored);
    socket_.close(ignored);
  }

 private:
  void EndTls() {
    if (tls_ != nullptr) {
      tls_->SayGoodbye();
      tls_.reset();
    }
  }

  Socket socket_;
  std::unique_ptr<TlsSession> tls_;  // null: as it is
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_TRANSPORT_H_
