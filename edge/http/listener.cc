#include "edge/http/listener.h"

#include <netinet/in.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace weir::edge {
namespace {

using boost::asio::ip::tcp;

// A hub's readers come first: no more than these at a time.
constexpr int kAcceptsAtOnce = 256;
constexpr std::chrono::seconds kComplaintInterval(10);

IpAddress AddressOf(const sockaddr_storage& storage) {
  const void* const raw = &storage;
  if (storage.ss_family == AF_INET6) {
    IpAddress::Bytes bytes;
    std::memcpy(bytes.data(), &static_cast<const sockaddr_in6*>(raw)->sin6_addr, bytes.size());
    return IpAddress(bytes);
  }
  std::array<uint8_t, 4> bytes;
  std::memcpy(bytes.data(), &static_cast<const sockaddr_in*>(raw)->sin_addr, bytes.size());
  return IpAddress::V4(bytes[0], bytes[1], bytes[2], bytes[3]);
}

}  // namespace

Listener::Listener(Hub& hub, ListeningSocket socket, FrontDeskOptions desk, ListenerOptions options,
                   Admission& admission)
    : hub_(hub),
      admission_(admission),
      options_(std::move(options)),
      desk_(std::move(desk)),
      thread_{hub_,           desk_,
              admission_,     options_.connection,
              options_.clock, [this](Connection* connection) { Remove(connection); }},
      ipv6_(socket.ipv6()),
      acceptor_(hub_.context()),
      pause_timer_(hub_.context()),
      sweep_timer_(hub_.context()) {
  acceptor_.assign(ipv6_ ? tcp::v6() : tcp::v4(), socket.Release());
  WaitAccept();
}

Listener::~Listener() { connections_.clear(); }

void Listener::Reload(FrontDeskOptions desk, const ConnectionOptions& connection) {
  desk_.Reload(std::move(desk));
  thread_.options = connection;
}

void Listener::CloseIdle() {
  for (size_t i = connections_.size(); i-- > 0;) {
    connections_[i]->CloseIfIdle();
  }
}

void Listener::Stop() {
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  pause_timer_.cancel();
}

void Listener::WaitAccept() {
  acceptor_.async_wait(Acceptor::wait_read, [this](const boost::system::error_code& error) {
    if (!error) {
      AcceptAll();
    }
  });
}

void Listener::AcceptAll() {
  for (int i = 0; i < kAcceptsAtOnce; ++i) {
    sockaddr_storage peer = {};
    socklen_t size = sizeof(peer);
    void* const raw = &peer;
    const int fd =
        ::accept4(acceptor_.native_handle(), static_cast<sockaddr*>(raw), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      Take(fd, AddressOf(peer));
      continue;
    }
    if (errno == EAGAIN) {
      break;
    }
    // Anything else but a lack of resources is that one connection's misfortune.
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      Pause(errno);
      return;
    }
  }
  WaitAccept();
}

void Listener::Take(int fd, const IpAddress& peer) {
  // Without an answer: a browser comes back after a connection that is cut, and never after a status.
  if (admission_.full()) {
    admission_.metrics().CountRefused();
    ::close(fd);
    return;
  }
  Socket socket(hub_.context());
  boost::system::error_code error;
  socket.assign(ipv6_ ? tcp::v6() : tcp::v4(), fd, error);
  if (error) {
    ::close(fd);
    return;
  }
  connections_.push_back(std::make_unique<Connection>(thread_, Transport(std::move(socket)), peer));
  connections_.back()->index = connections_.size() - 1;
  StartSweep();
  connections_.back()->Start();
}

void Listener::Pause(int error) {
  if (const auto now = std::chrono::steady_clock::now(); now >= next_complaint_) {
    next_complaint_ = now + kComplaintInterval;
    spdlog::warn("cannot accept connections just now: {}", std::generic_category().message(error));
  }
  pause_timer_.expires_after(options_.accept_pause);
  pause_timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled && acceptor_.is_open()) {
      AcceptAll();
    }
  });
}

void Listener::Remove(Connection* connection) {
  const size_t index = connection->index;
  // It is destroyed at the end, when the list is whole again.
  const std::unique_ptr<Connection> gone = std::move(connections_[index]);
  if (index + 1 < connections_.size()) {
    connections_[index] = std::move(connections_.back());
    connections_[index]->index = index;
  }
  connections_.pop_back();
}

void Listener::StartSweep() {
  if (sweeping_) {
    return;
  }
  sweeping_ = true;
  sweep_timer_.expires_after(options_.sweep_interval);
  sweep_timer_.async_wait([this](const boost::system::error_code& cancelled) {
    sweeping_ = false;
    if (!cancelled) {
      Sweep();
    }
  });
}

// From the back: a connection that is removed is replaced by one that was looked at already.
void Listener::Sweep() {
  const auto now = std::chrono::steady_clock::now();
  for (size_t i = connections_.size(); i-- > 0;) {
    connections_[i]->Sweep(now);
  }
  if (!connections_.empty()) {
    StartSweep();
  }
}

}  // namespace weir::edge
