#include "server/rpc/grpc_listener.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "base/sockets.h"

namespace weir::server {
namespace {

constexpr int kBacklog = 4096;
// Then it is looked whether to stop.
constexpr int kAcceptsAtOnce = 256;
// How long accepting rests when there are no descriptors.
constexpr int kRestMillis = 100;
constexpr std::chrono::seconds kComplaintInterval(10);

absl::Status CannotListen(const Address& address, const std::string& why) {
  return absl::UnavailableError(fmt::format("cannot listen for gRPC on {}: {}", address.ToString(), why));
}

in_port_t& PortOf(sockaddr_storage& address) {
  void* const raw = &address;
  return address.ss_family == AF_INET6 ? static_cast<sockaddr_in6*>(raw)->sin6_port
                                       : static_cast<sockaddr_in*>(raw)->sin_port;
}

std::string HostOf(const sockaddr_storage& address) {
  const void* const raw = &address;
  std::array<char, NI_MAXHOST> host{};
  const int failed = ::getnameinfo(static_cast<const sockaddr*>(raw), sizeof(address), host.data(), host.size(),
                                   nullptr, 0, NI_NUMERICHOST);
  return failed != 0 ? "?" : host.data();
}

// A socket that listens on `address`, which is then told its port. Accepted ones inherit its options. -1: see errno.
int OpenSocket(sockaddr_storage& address, socklen_t size, absl::Duration unacknowledged_max) {
  const int fd = ::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
  if (fd < 0) {
    return -1;
  }
  void* const raw = &address;
  const auto unacknowledged_millis = static_cast<int>(absl::ToInt64Milliseconds(unacknowledged_max));
  if (SetOption(fd, SOL_SOCKET, SO_REUSEADDR, 1) && SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1) &&
      SetOption(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, unacknowledged_millis) &&
      ::bind(fd, static_cast<sockaddr*>(raw), size) == 0 && ::listen(fd, kBacklog) == 0 &&
      ::getsockname(fd, static_cast<sockaddr*>(raw), &size) == 0) {
    return fd;
  }
  const int error = errno;
  ::close(fd);
  errno = error;
  return -1;
}

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcListener>> GrpcListener::Open(const GrpcListenerOptions& options) {
  std::unique_ptr<GrpcListener> listener(new GrpcListener(options.limits));
  if (absl::Status status = listener->Listen(options); !status.ok()) {
    return status;
  }
  return listener;
}

GrpcListener::~GrpcListener() {
  Stop();
  if (stop_ >= 0) {
    ::close(stop_);
  }
}

absl::Status GrpcListener::Listen(const GrpcListenerOptions& options) {
  const Address& address = options.address;
  stop_ = ::eventfd(0, EFD_CLOEXEC);
  if (stop_ < 0) {
    return CannotListen(address, std::generic_category().message(errno));
  }
  const absl::StatusOr<AddressInfo> found = ResolveToListen(address);
  if (!found.ok()) {
    return absl::UnavailableError(found.status().message());
  }
  // A name may have addresses that this machine does not have (`localhost` without IPv6): one is enough. A port that is
  // taken on one of them is a fault: others would be answered there.
  absl::Status status;
  port_ = address.port;
  for (const addrinfo* one = found->get(); one != nullptr; one = one->ai_next) {
    sockaddr_storage bound = {};
    std::memcpy(&bound, one->ai_addr, one->ai_addrlen);
    PortOf(bound) = htons(port_);
    const int fd = OpenSocket(bound, one->ai_addrlen, options.unacknowledged_max);
    if (fd < 0) {
      const bool not_here = errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT;
      status.Update(CannotListen(address, std::generic_category().message(errno)));
      if (not_here) {
        continue;
      }
      return status;
    }
    sockets_.push_back(fd);
    port_ = ntohs(PortOf(bound));
  }
  return sockets_.empty() ? status : absl::OkStatus();
}

void GrpcListener::Start(std::function<void(int fd)> hand_over) {
  hand_over_ = std::move(hand_over);
  thread_ = std::thread([this] { Run(); });
}

void GrpcListener::Stop() {
  if (thread_.joinable()) {
    ::eventfd_write(stop_, 1);
    thread_.join();
  }
  for (const int socket : std::exchange(sockets_, {})) {
    ::close(socket);
  }
}

ConnectionCounts GrpcListener::Counts() {
  return {.open = table_.Count(),
          .connections_max = table_.limits().connections_max,
          .refused = refused_,
          .refused_of_address = refused_of_address_};
}

void GrpcListener::Run() {
  std::vector<pollfd> watched = {{.fd = stop_, .events = POLLIN, .revents = 0}};
  for (const int socket : sockets_) {
    watched.push_back({.fd = socket, .events = POLLIN, .revents = 0});
  }
  bool resting = false;
  while (true) {
    ::poll(watched.data(), resting ? 1 : watched.size(), resting ? kRestMillis : -1);
    if (watched.front().revents != 0) {
      return;
    }
    resting = false;
    for (const int socket : sockets_) {
      resting = !AcceptAll(socket) || resting;
    }
  }
}

// False without descriptors or memory.
bool GrpcListener::AcceptAll(int socket) {
  for (int i = 0; i < kAcceptsAtOnce; ++i) {
    sockaddr_storage peer = {};
    socklen_t size = sizeof(peer);
    void* const raw = &peer;
    const int fd = ::accept4(socket, static_cast<sockaddr*>(raw), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      Take(fd, peer);
      continue;
    }
    const int error = errno;
    if (error == EAGAIN) {
      return true;
    }
    // Anything else but a lack of resources is that one connection's misfortune.
    if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM) {
      if (MayComplain(Complaint::kNoResources)) {
        spdlog::warn("cannot accept gRPC connections just now: {}", std::generic_category().message(error));
      }
      return false;
    }
  }
  return true;
}

void GrpcListener::Take(int fd, const sockaddr_storage& peer) {
  switch (table_.Take(fd, ClientKey(peer))) {
    case ConnectionTable::Verdict::kTaken:
      hand_over_(fd);
      return;
    case ConnectionTable::Verdict::kFull:
      ++refused_;
      if (MayComplain(Complaint::kFull)) {
        spdlog::warn(
            "gRPC connections are closed unread: limits.connections_max of them, {}, are open; the last came from {}",
            table_.limits().connections_max, HostOf(peer));
      }
      break;
    case ConnectionTable::Verdict::kAddressFull:
      ++refused_of_address_;
      if (MayComplain(Complaint::kAddressFull)) {
        spdlog::warn("{} has come to limits.connections_per_address, and its gRPC connections are closed unread",
                     HostOf(peer));
      }
      break;
  }
  ::close(fd);
}

bool GrpcListener::MayComplain(Complaint complaint) {
  std::chrono::steady_clock::time_point& next = next_complaints_.at(static_cast<size_t>(complaint));
  const auto now = std::chrono::steady_clock::now();
  if (now < next) {
    return false;
  }
  next = now + kComplaintInterval;
  return true;
}

}  // namespace weir::server
