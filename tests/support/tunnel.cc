#include "tests/support/tunnel.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

namespace weir::testing {
namespace {

// How soon a change of state is seen.
constexpr int kTickMillis = 5;

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

sockaddr* Raw(sockaddr_in& address) {
  void* const raw = &address;
  return static_cast<sockaddr*>(raw);
}

// Writes all of it; the ends' buffers are emptied by real processes. False when the end is gone.
bool WriteAll(int fd, const char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t sent = ::send(fd, bytes, size, MSG_NOSIGNAL);
    if (sent <= 0) {
      return false;
    }
    bytes += sent;
    size -= static_cast<size_t>(sent);
  }
  return true;
}

}  // namespace

Tunnel::Tunnel(uint16_t to) : to_(to), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address = Loopback(0);
  ::bind(listener_, Raw(address), sizeof(address));
  ::listen(listener_, 64);
  socklen_t size = sizeof(address);
  ::getsockname(listener_, Raw(address), &size);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Run(); });
}

Tunnel::~Tunnel() {
  over_ = true;
  thread_.join();
  ::close(listener_);
}

void Tunnel::Set(State state) {
  state_ = state;
  while (seen_ != state) {
    ::poll(nullptr, 0, 1);
  }
}

void Tunnel::Run() {
  while (!over_) {
    const State state = state_;
    switch (state) {
      case State::kOpen:
        Forward();
        break;
      case State::kHeld:
        ::poll(nullptr, 0, kTickMillis);
        break;
      case State::kCut:
        for (const Pair& pair : pairs_) {
          ::close(pair.ends[0]);
          ::close(pair.ends[1]);
        }
        pairs_.clear();
        pollfd fresh{listener_, POLLIN, 0};
        if (::poll(&fresh, 1, kTickMillis) > 0) {
          ::close(::accept(listener_, nullptr, nullptr));
        }
        break;
    }
    seen_ = state;
  }
  for (const Pair& pair : pairs_) {
    ::close(pair.ends[0]);
    ::close(pair.ends[1]);
  }
}

void Tunnel::Accept() {
  const int one = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  const int other = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(to_);
  if (one < 0 || ::connect(other, Raw(address), sizeof(address)) != 0) {
    ::close(one);
    ::close(other);
    return;
  }
  const int yes = 1;
  ::setsockopt(one, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
  ::setsockopt(other, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
  pairs_.push_back({{one, other}});
}

void Tunnel::Forward() {
  std::vector<pollfd> fds = {{listener_, POLLIN, 0}};
  for (const Pair& pair : pairs_) {
    fds.push_back({pair.ends[0], POLLIN, 0});
    fds.push_back({pair.ends[1], POLLIN, 0});
  }
  if (::poll(fds.data(), fds.size(), kTickMillis) <= 0 || state_ != State::kOpen) {
    return;
  }
  std::vector<Pair> left;
  for (size_t i = 0; i < pairs_.size(); ++i) {
    bool alive = true;
    for (size_t end = 0; end < 2 && alive; ++end) {
      if (fds[1 + 2 * i + end].revents != 0) {
        std::array<char, 64 * 1024> bytes;
        const ssize_t got = ::recv(pairs_[i].ends[end], bytes.data(), bytes.size(), 0);
        alive = got > 0 && WriteAll(pairs_[i].ends[1 - end], bytes.data(), static_cast<size_t>(got));
      }
    }
    if (alive) {
      left.push_back(pairs_[i]);
    } else {
      ::close(pairs_[i].ends[0]);
      ::close(pairs_[i].ends[1]);
    }
  }
  pairs_ = std::move(left);
  if (fds[0].revents != 0) {
    Accept();
  }
}

}  // namespace weir::testing
