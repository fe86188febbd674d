#include "tests/bench/grip_origin.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string_view>

namespace weir::bench {

GripOrigin::GripOrigin() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  bind(listener_, reinterpret_cast<const sockaddr*>(&address), size);
  getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  listen(listener_, 4096);
  thread_ = std::thread([this] { Run(); });
}

GripOrigin::~GripOrigin() {
  stop_.store(true);
  thread_.join();
  close(listener_);
}

void GripOrigin::Run() {
  std::vector<Caller> callers;
  while (!stop_.load()) {
    std::vector<pollfd> ready = {{listener_, POLLIN, 0}};
    for (const Caller& caller : callers) {
      ready.push_back({caller.fd, POLLIN, 0});
    }
    poll(ready.data(), ready.size(), 20);
    for (size_t i = callers.size(); i > 0; --i) {
      if (ready[i].revents != 0 && !Answer(callers[i - 1])) {
        close(callers[i - 1].fd);
        callers.erase(callers.begin() + static_cast<std::ptrdiff_t>(i - 1));
      }
    }
    if (ready[0].revents != 0) {
      callers.push_back({.fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)});
    }
  }
  for (const Caller& caller : callers) {
    close(caller.fd);
  }
}

bool GripOrigin::Answer(Caller& caller) {
  std::array<char, 16 * 1024> buffer;
  const ssize_t count = recv(caller.fd, buffer.data(), buffer.size(), 0);
  if (count <= 0) {
    return false;
  }
  caller.received.append(buffer.data(), static_cast<size_t>(count));
  for (;;) {
    const size_t end = caller.received.find("\r\n\r\n");
    if (end == std::string::npos) {
      return true;
    }
    const std::string_view path = std::string_view(caller.received).substr(std::string_view("GET /").size());
    const std::string answer = fmt::format(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nGrip-Hold: stream\r\nGrip-Channel: {}\r\n"
        "Content-Length: 3\r\n\r\n:\n\n",
        path.substr(0, path.find(' ')));
    if (send(caller.fd, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) {
      return false;
    }
    caller.received.erase(0, end + 4);
  }
}

}  // namespace weir::bench
