#include "server/rpc/grpc_listener.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

namespace weir::server {
namespace {

// Keeps what it is given.
class Receiver {
 public:
  ~Receiver() {
    for (const int fd : fds_) {
      ::close(fd);
    }
  }
  void Take(int fd) {
    const std::lock_guard lock(mutex_);
    fds_.push_back(fd);
    changed_.notify_all();
  }
  // The connection of that number.
  int Await(size_t number) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(60), [&] { return fds_.size() > number; }) ? fds_[number] : -1;
  }
  size_t count() {
    const std::lock_guard lock(mutex_);
    return fds_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<int> fds_;
};

int ConnectTo(const std::string& host, uint16_t port) {
  sockaddr_storage to = {};
  void* const raw = &to;
  socklen_t size = sizeof(sockaddr_in);
  if (host.find(':') == std::string::npos) {
    *static_cast<sockaddr_in*>(raw) = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {}, .sin_zero = {}};
    ::inet_pton(AF_INET, host.c_str(), &static_cast<sockaddr_in*>(raw)->sin_addr);
  } else {
    size = sizeof(sockaddr_in6);
    static_cast<sockaddr_in6*>(raw)->sin6_family = AF_INET6;
    static_cast<sockaddr_in6*>(raw)->sin6_port = htons(port);
    ::inet_pton(AF_INET6, host.c_str(), &static_cast<sockaddr_in6*>(raw)->sin6_addr);
  }
  const int fd = ::socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::connect(fd, static_cast<const sockaddr*>(raw), size) != 0) {
    ::close(fd);
    return -1;
  }
  return fd;
}

// Whether the other end closes it.
bool IsClosed(int fd) {
  char byte = 0;
  return ::recv(fd, &byte, 1, 0) <= 0;
}

int Option(int fd, int level, int option) {
  int value = -1;
  socklen_t size = sizeof(value);
  ::getsockopt(fd, level, option, &value, &size);
  return value;
}

std::unique_ptr<GrpcListener> Open(const std::string& host, const ConnectionLimits& limits = {}) {
  absl::StatusOr<std::unique_ptr<GrpcListener>> listener = GrpcListener::Open(
      {.address = {.host = host, .port = 0}, .limits = limits, .unacknowledged_max = absl::Seconds(7)});
  EXPECT_TRUE(listener.ok()) << listener.status();
  return listener.ok() ? *std::move(listener) : nullptr;
}

TEST(GrpcListener, HandsOverConnectionsWithTheirOptions) {
  Receiver receiver;
  const auto listener = Open("127.0.0.1");
  const int early = ConnectTo("127.0.0.1", listener->port());
  EXPECT_GE(early, 0) << "waits";
  listener->Start([&](int fd) { receiver.Take(fd); });
  const int fd = receiver.Await(0);
  EXPECT_EQ(Option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_EQ(Option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 7000);
  const ConnectionCounts counts = listener->Counts();
  EXPECT_EQ(counts.open, 1U);
  EXPECT_EQ(counts.connections_max, 4096U);
  ::close(early);
}

TEST(GrpcListener, ClosesWhatIsAboveTheLimitAndCountsIt) {
  Receiver receiver;
  const auto listener = Open("127.0.0.1", {.connections_max = 1, .connections_per_address = 1});
  listener->Start([&](int fd) { receiver.Take(fd); });
  const int first = ConnectTo("127.0.0.1", listener->port());
  receiver.Await(0);
  for (int i = 0; i < 3; ++i) {
    const int second = ConnectTo("127.0.0.1", listener->port());
    EXPECT_TRUE(IsClosed(second));
    ::close(second);
  }
  EXPECT_EQ(listener->Counts().refused, 3U);
  EXPECT_EQ(listener->Counts().refused_of_address, 0U);
  EXPECT_EQ(receiver.count(), 1U);
  ::close(first);
}

TEST(GrpcListener, ListensOnAllAddressesOfAName) {
  Receiver receiver;
  std::unique_ptr<GrpcListener> listener;
  int v4 = -1;
  // Somebody else may have the port that was free at the other address.
  for (int tries = 0; tries < 10 && v4 < 0; ++tries) {
    listener = Open("localhost");
    v4 = ConnectTo("127.0.0.1", listener->port());
  }
  listener->Start([&](int fd) { receiver.Take(fd); });
  EXPECT_GE(receiver.Await(0), 0);
  ::close(v4);
  // Where there is IPv6, and `localhost` is in it, too.
  if (const int v6 = ConnectTo("::1", listener->port()); v6 >= 0) {
    EXPECT_GE(receiver.Await(1), 0);
    ::close(v6);
  }
}

TEST(GrpcListener, HandsNothingOverOnceItHasStopped) {
  Receiver receiver;
  const auto listener = Open("127.0.0.1");
  listener->Start([&](int fd) { receiver.Take(fd); });
  listener->Stop();
  EXPECT_EQ(ConnectTo("127.0.0.1", listener->port()), -1);
  EXPECT_EQ(receiver.count(), 0U);
  EXPECT_EQ(listener->Counts().open, 0U);
}

TEST(GrpcListener, NamesAnAddressThatItCannotHave) {
  const auto first = Open("127.0.0.1");
  for (const Address& address : {Address{.host = "127.0.0.1", .port = first->port()},
                                 Address{.host = "192.0.2.1", .port = 0}, Address{.host = "no.such.invalid"}}) {
    const absl::Status status = GrpcListener::Open({.address = address}).status();
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    EXPECT_NE(status.message().find(address.ToString()), std::string::npos) << status;
  }
}

}  // namespace
}  // namespace weir::server
