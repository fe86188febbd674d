#include "edge/tcp_progress.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

namespace weir::edge {
namespace {

TEST(TcpProgressTest, APeerVanishedWhenTheMarkIsNotAcknowledgedAndItWasSilent) {
  const TcpProgress idle = {.written = 100, .acknowledged = 100, .awaits_answer = false, .silent_ms = 60'000};
  EXPECT_FALSE(idle.PeerVanished(100, 1000));
  // Something was just sent to it.
  const TcpProgress fresh = {.written = 200, .acknowledged = 100, .awaits_answer = true, .silent_ms = 60'000};
  EXPECT_FALSE(fresh.PeerVanished(100, 1000));
  EXPECT_TRUE(fresh.PeerVanished(101, 1000));
  // It answers, though not to all.
  const TcpProgress slow = {.written = 200, .acknowledged = 100, .awaits_answer = true, .silent_ms = 999};
  EXPECT_FALSE(slow.PeerVanished(150, 1000));
  // Its window is closed.
  const TcpProgress stopped = {.written = 200, .acknowledged = 100, .awaits_answer = false, .silent_ms = 60'000};
  EXPECT_FALSE(stopped.PeerVanished(150, 1000));
}

TEST(TcpProgressTest, CountsModulo32Bits) {
  const TcpProgress wrapped = {.written = 10, .acknowledged = 5, .awaits_answer = true, .silent_ms = 60'000};
  EXPECT_FALSE(wrapped.PeerVanished(0xFFFF'FFF0U, 1000));
  EXPECT_TRUE(wrapped.PeerVanished(8, 1000));
  const TcpProgress before = {.written = 10, .acknowledged = 0xFFFF'FFF0U, .awaits_answer = true, .silent_ms = 60'000};
  EXPECT_TRUE(before.PeerVanished(8, 1000));
}

TEST(TcpProgressTest, FollowsAConnection) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  void* const raw = &address;
  socklen_t size = sizeof(address);
  ASSERT_EQ(::bind(listener, static_cast<sockaddr*>(raw), size), 0);
  ASSERT_EQ(::listen(listener, 1), 0);
  ASSERT_EQ(::getsockname(listener, static_cast<sockaddr*>(raw), &size), 0);
  const int peer = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int window = 4096;
  ::setsockopt(peer, SOL_SOCKET, SO_RCVBUF, &window, sizeof(window));
  ASSERT_EQ(::connect(peer, static_cast<sockaddr*>(raw), size), 0);
  const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  ASSERT_GE(fd, 0);

  EXPECT_EQ(TcpProgressOf(fd)->written, TcpProgressOf(fd)->acknowledged);
  const uint32_t before = TcpProgressOf(fd)->written;
  const std::string bytes(1000, 'x');
  ASSERT_EQ(::send(fd, bytes.data(), bytes.size(), 0), 1000);
  EXPECT_EQ(TcpProgressOf(fd)->written - before, 1000U);
  // More than the peer's window takes: the rest counts as written too.
  size_t total = 1000;
  for (ssize_t took = 0; (took = ::send(fd, bytes.data(), bytes.size(), 0)) > 0;) {
    total += static_cast<size_t>(took);
  }
  const std::optional<TcpProgress> full = TcpProgressOf(fd);
  EXPECT_EQ(full->written - before, total);
  EXPECT_LT(full->acknowledged - before, total);
  for (const int open : {listener, peer, fd}) {
    ::close(open);
  }
  EXPECT_FALSE(TcpProgressOf(-1).has_value());
}

}  // namespace
}  // namespace weir::edge
