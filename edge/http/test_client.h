// A blocking HTTP client for tests, byte by byte; reads give up after a minute.
#ifndef WEIR_EDGE_HTTP_TEST_CLIENT_H_
#define WEIR_EDGE_HTTP_TEST_CLIENT_H_

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace weir::edge::test {

class Client {
 public:
  explicit Client(bool small_window = false) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval patience = {60, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (small_window) {
      const int bytes = 4096;
      ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
    }
  }
  ~Client() { Close(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool Connect(uint16_t port) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const void* const raw = &address;
    return ::connect(fd_, static_cast<const sockaddr*>(raw), sizeof(address)) == 0;
  }
  uint16_t port() const {
    sockaddr_in address = {};
    void* const raw = &address;
    socklen_t size = sizeof(address);
    return ::getsockname(fd_, static_cast<sockaddr*>(raw), &size) == 0 ? ntohs(address.sin_port) : 0;
  }
  void Send(std::string_view text) { ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL); }
  // How many of `size` bytes were taken until none was for a quarter of a second.
  size_t SendUntilStuck(size_t size) {
    const timeval patience = {0, 250'000};
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    const std::string bytes(64 * 1024, 'x');
    size_t sent = 0;
    while (sent < size) {
      const ssize_t took = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (took <= 0) {
        break;
      }
      sent += static_cast<size_t>(took);
    }
    return sent;
  }
  // The bytes one by one, each when nothing has come back for a moment, until something does. Returns whether it did.
  bool IsEndedWhileSending(std::string_view bytes) {
    pollfd answer = {fd_, POLLIN, 0};
    for (const char& byte : bytes) {
      if (::poll(&answer, 1, 2) != 0) {
        return true;
      }
      Send({&byte, 1});
    }
    return false;
  }
  void EndSending() { ::shutdown(fd_, SHUT_WR); }
  void Close() {
    if (fd_ >= 0) {
      ::close(std::exchange(fd_, -1));
    }
  }

  // Until the text has been read `count` times.
  std::string ReadUntil(std::string_view text, size_t count = 1) {
    while (Count(text) < count && Fill()) {
    }
    return got_;
  }
  // Until the server ends the connection.
  std::string ReadAll() {
    while (Fill()) {
    }
    return got_;
  }
  bool ended() const { return ended_; }
  size_t Count(std::string_view text) const {
    size_t count = 0;
    for (size_t at = got_.find(text); at != std::string::npos; at = got_.find(text, at + text.size())) {
      ++count;
    }
    return count;
  }

 private:
  bool Fill() {
    char buffer[4096];
    const ssize_t got = ::recv(fd_, buffer, sizeof(buffer), 0);
    ended_ = got == 0;
    if (got <= 0) {
      return false;
    }
    got_.append(buffer, static_cast<size_t>(got));
    return true;
  }

  int fd_;
  bool ended_ = false;
  std::string got_;
};

}  // namespace weir::edge::test

#endif  // WEIR_EDGE_HTTP_TEST_CLIENT_H_
