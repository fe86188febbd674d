#include "tests/chaos/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <string>

namespace weir::chaos {
namespace {

constexpr size_t kBufferBytesMax = 64 * 1024;

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// Closes with a reset, as a cut looks to both sides.
void Reset(int fd) {
  const linger now{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  close(fd);
}

// Bytes on their way from one socket to another.
struct Flow {
  int from = -1;
  int to = -1;
  std::string held{};
  bool ended = false;   // `from` has sent everything
  bool broken = false;  // one of them is gone

  void Read() {
    std::array<char, kBufferBytesMax> bytes;
    const ssize_t count = recv(from, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (count > 0) {
      held.assign(bytes.data(), static_cast<size_t>(count));
    } else if (count == 0) {
      ended = true;
    } else if (errno != EAGAIN) {
      broken = true;
    }
  }

  void Write() {
    const ssize_t count = send(to, held.data(), held.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count > 0) {
      held.erase(0, static_cast<size_t>(count));
    } else if (errno != EAGAIN) {
      broken = true;
    }
  }

  // One step, as far as it goes without waiting.
  void Move() {
    if (held.empty() && !ended) {
      Read();
      if (ended) {
        shutdown(to, SHUT_WR);
      }
    }
    if (!held.empty()) {
      Write();
    }
  }
};

}  // namespace

struct Proxy::Pair {
  Pair(int client, int server) : up{client, server}, down{server, client} {}
  ~Pair() {
    Reset(up.from);
    Reset(up.to);
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  bool done() const { return up.broken || down.broken || (up.ended && down.ended); }
  // What the two sockets are waited for.
  std::array<pollfd, 2> Awaited() const {
    const auto events = [](const Flow& in, const Flow& out) {
      return static_cast<int16_t>((in.held.empty() && !in.ended ? POLLIN : 0) | (out.held.empty() ? 0 : POLLOUT));
    };
    return {pollfd{up.from, events(up, down), 0}, pollfd{up.to, events(down, up), 0}};
  }

  Flow up;
  Flow down;
};

Proxy::Proxy(uint16_t target) : target_(target) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  if (bind(listener_, reinterpret_cast<const sockaddr*>(&address), size) != 0 || listen(listener_, 128) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::abort();
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Run(); });
}

Proxy::~Proxy() {
  ending_ = true;
  Wake();
  thread_.join();
  close(listener_);
  close(wake_);
}

void Proxy::Cut() {
  cut_ = true;
  Wake();
}

void Proxy::SetSilent(bool silent) {
  silent_ = silent;
  Wake();
}

void Proxy::Wake() const {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_, &one, sizeof(one));
}

void Proxy::Accept() {
  const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (client < 0) {
    return;
  }
  const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(target_);
  const int on = 1;
  setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    Reset(client);
    Reset(server);
    return;
  }
  pairs_.push_back(std::make_unique<Pair>(client, server));
}

void Proxy::Run() {
  std::vector<pollfd> awaited;
  while (!ending_) {
    awaited = {{wake_, POLLIN, 0}};
    if (!silent_) {
      awaited.push_back({listener_, POLLIN, 0});
      for (const auto& pair : pairs_) {
        const std::array<pollfd, 2> both = pair->Awaited();
        awaited.insert(awaited.end(), both.begin(), both.end());
      }
    }
    poll(awaited.data(), awaited.size(), -1);
    uint64_t ignored = 0;
    [[maybe_unused]] const ssize_t count = read(wake_, &ignored, sizeof(ignored));
    if (cut_.exchange(false)) {
      pairs_.clear();
    }
    if (silent_) {
      continue;
    }
    for (const auto& pair : pairs_) {
      pair->up.Move();
      pair->down.Move();
    }
    std::erase_if(pairs_, [](const auto& pair) { return pair->done(); });
    Accept();
  }
  pairs_.clear();
}

}  // namespace weir::chaos
