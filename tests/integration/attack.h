// What a stranger may throw at an edge, from one thread, at a steady pace: sockets that send a request's head byte by
// byte and never end it (slowloris), connections that come and go, requests that are too large in every way.
//
// The thread is nice: an attacker has a machine of their own, and is not to take the edge's.
#ifndef WEIR_TESTS_INTEGRATION_ATTACK_H_
#define WEIR_TESTS_INTEGRATION_ATTACK_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace weir::testing {

class Attack {
 public:
  struct Plan {
    size_t slow_sockets = 5000;
    int attempts_per_second = 2000;
  };

  // Until it is destroyed.
  Attack(uint16_t port, Plan plan) : port_(port), plan_(plan), thread_([this] { Run(); }) {}
  ~Attack() {
    stop_ = true;
    thread_.join();
  }
  Attack(const Attack&) = delete;
  Attack& operator=(const Attack&) = delete;

  // The slow sockets are all there.
  bool in_full_swing() const { return swing_; }
  size_t attempts() const { return attempts_; }
  size_t slow_most() const { return slow_most_; }
  // Connections that could not even be begun, for want of something on this side.
  size_t failed() const { return failed_; }

 private:
  static void Drop(int fd) {  // leaves no TIME_WAIT behind, of which a machine has only so many
    const linger now = {1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    ::close(fd);
  }
  int Connect() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_in from = {};
    from.sin_family = AF_INET;
    from.sin_addr.s_addr = htonl(0x7F000100U + next_++ % 16);  // 127.0.1.x: a port for each
    sockaddr_in to = from;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(port_);
    void* const raw_from = &from;
    void* const raw_to = &to;
    const int on = 1;
    ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    if (fd < 0 || ::bind(fd, static_cast<sockaddr*>(raw_from), sizeof(from)) != 0 ||
        (::connect(fd, static_cast<sockaddr*>(raw_to), sizeof(to)) != 0 && errno != EINPROGRESS)) {
      ++failed_;
      ::close(fd);
      return -1;
    }
    return fd;
  }
  static bool Send(int fd, std::string_view bytes) {
    return ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) >= 0 || errno == EAGAIN;
  }

  void Run() {
    ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), 19);
    std::vector<int> slow;
    std::vector<int> fast;
    const std::string large_head = "GET /" + std::string(20'000, 'a');
    const std::string large_body =
        "POST /flash HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\n" + std::string(60'000, 'b');
    const std::string_view texts[] = {"",
                                      "\x16\x03\x01\x02",
                                      "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
                                      large_head,
                                      "GET /flash HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: x\r\n\r\n",
                                      large_body,
                                      "GET /flash HTTP/1.1\r\nHost: h\r\n\r\n"};
    constexpr absl::Duration kTick = absl::Milliseconds(10);
    size_t turn = 0;
    for (absl::Time next = absl::Now(); !stop_; next += kTick, absl::SleepFor(next - absl::Now())) {
      for (int i = 0; i < 50 && slow.size() < plan_.slow_sockets; ++i) {
        if (const int fd = Connect(); fd >= 0) {
          Send(fd, "GET /flash HTTP/1.1\r\nHost: h\r\nX: ");
          slow.push_back(fd);
        }
      }
      if (slow.size() > slow_most_) {
        slow_most_ = slow.size();
      }
      swing_ = slow.size() >= plan_.slow_sockets;
      for (size_t i = turn++ % 100; i < slow.size(); i += 100) {  // each once a second
        if (!Send(slow[i], "x")) {
          Drop(slow[i]);  // the edge has ended it: another takes its place
          slow[i] = slow.back();
          slow.pop_back();
        }
      }
      for (const int fd : fast) {
        Drop(fd);
      }
      fast.clear();
      for (int i = 0; swing_ && i < plan_.attempts_per_second / 100; ++i) {
        if (const int fd = Connect(); fd >= 0) {
          Send(fd, texts[attempts_++ % std::size(texts)]);
          fast.push_back(fd);
        }
      }
    }
    for (const auto* const fds : {&slow, &fast}) {
      for (const int fd : *fds) {
        Drop(fd);
      }
    }
  }

  const uint16_t port_;
  const Plan plan_;
  std::atomic<bool> stop_ = false;
  std::atomic<bool> swing_ = false;
  std::atomic<size_t> attempts_ = 0;
  std::atomic<size_t> slow_most_ = 0;
  std::atomic<size_t> failed_ = 0;
  uint32_t next_ = 0;
  std::thread thread_;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_INTEGRATION_ATTACK_H_
