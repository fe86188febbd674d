#include "tests/bench/peer_sockets.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <sstream>

#include "tests/support/process.h"

namespace weir::bench {

Pipe::Pipe(uint16_t port) : connection_(*testing::Connection::Open(port)) {
  const int on = 1;
  setsockopt(connection_.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

void Pipe::Flush() {
  size_t sent = 0;
  while (sent < out_.size()) {
    Drain();
    const ssize_t took = send(connection_.fd(), out_.data() + sent, out_.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (took < 0 && errno != EAGAIN) {
      std::perror("weir-bench: publishing");
      break;
    }
    sent += took < 0 ? 0 : static_cast<size_t>(took);
    if (took < 0) {
      pollfd ready{connection_.fd(), POLLOUT | POLLIN, 0};
      poll(&ready, 1, 1000);
    }
  }
  out_.clear();
}

void Pipe::Drain() {
  std::array<char, 64 * 1024> answers;
  while (recv(connection_.fd(), answers.data(), answers.size(), MSG_DONTWAIT) > 0) {
  }
}

uint16_t FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  bind(fd, reinterpret_cast<const sockaddr*>(&address), size);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  close(fd);
  return ntohs(address.sin_port);
}

std::vector<pid_t> ChildrenOf(pid_t pid) {
  std::istringstream children(testing::ReadFile(fmt::format("/proc/{0}/task/{0}/children", pid)));
  std::vector<pid_t> pids;
  for (pid_t child = 0; children >> child;) {
    pids.push_back(child);
  }
  return pids;
}

}  // namespace weir::bench
