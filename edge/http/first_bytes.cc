#include "edge/http/first_bytes.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <variant>

#include "edge/http/proxy_header.h"

namespace weir::edge {
namespace {

enum class Arrival { kThere, kLater, kNever };

void SetReceiveLowWater(int fd, size_t bytes) {
  const int least = static_cast<int>(bytes);
  ::setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &least, sizeof(least));
}

// Whether so many bytes can be received. Later: the socket is mostly not readable before, or before the client has
// gone; but urgent data and a kernel that is short of memory make it readable all the same.
Arrival Await(int fd, size_t bytes) {
  int there = 0;
  if (::ioctl(fd, FIONREAD, &there) != 0) {
    return Arrival::kNever;
  }
  const bool enough = there >= static_cast<int>(bytes);
  SetReceiveLowWater(fd, enough ? 1 : bytes);
  pollfd gone = {fd, POLLRDHUP, 0};
  if (!enough && ::poll(&gone, 1, 0) != 0) {
    return Arrival::kNever;
  }
  return enough ? Arrival::kThere : Arrival::kLater;
}

}  // namespace

FirstBytes::Step FirstBytes::TakeProxyHeader() {
  std::array<char, kProxyHeaderBytesMax> buffer;
  while (true) {
    const auto result = ReadProxyHeader(header_);
    if (const auto* const header = std::get_if<ProxyHeader>(&result)) {
      source_ = header->source;
      header_ = std::string();
      return Step::kDone;
    }
    const auto* const more = std::get_if<ProxyHeaderMore>(&result);
    if (more == nullptr) {
      metrics_.CountBadProxyHeader();
      return Step::kEnds;
    }
    const ssize_t got = ::recv(transport_.fd(), buffer.data(), more->bytes, MSG_DONTWAIT);
    if (got > 0) {
      header_.append(buffer.data(), static_cast<size_t>(got));
    } else if (got < 0 && errno == EAGAIN) {
      return Step::kWaits;
    } else if (got == 0 || errno != EINTR) {
      return Step::kEnds;
    }
  }
}

FirstBytes::Step FirstBytes::ShakeHands(const TlsContext* tls) {
  if (transport_.tls() == nullptr) {
    if (const Step step = BeginTls(tls); step != Step::kDone) {
      return step;
    }
  }
  TlsSession& session = *transport_.tls();
  switch (session.ShakeHands()) {
    case TlsSession::Step::kDone:
      metrics_.CountHandshake(session.result());
      return Step::kDone;
    case TlsSession::Step::kWaits:
      return Step::kWaits;
    case TlsSession::Step::kFailed:
      break;
  }
  return Fail(session.result());
}

// Begins when all of the first record is there; until then the kernel keeps it, and a client that dawdles costs no more
// than one that says nothing.
FirstBytes::Step FirstBytes::BeginTls(const TlsContext* tls) {
  constexpr unsigned char kHandshakeRecord = 0x16;
  constexpr size_t kRecordBytesMax = 16 * 1024;
  std::array<unsigned char, 5> header;  // of the record: its type, two bytes of version, two of its length
  const ssize_t got = ::recv(transport_.fd(), header.data(), header.size(), MSG_PEEK | MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
    return Step::kWaits;
  }
  if (got > 0 && header[0] >= 'A' && header[0] <= 'Z') {
    metrics_.CountHandshake(TlsResult::kPlainHttp);
    return Step::kPlainHttp;
  }
  const bool whole = got == static_cast<ssize_t>(header.size());
  const size_t body = whole ? size_t{header[3]} << 8U | header[4] : 0;
  if (got > 0 && (header[0] != kHandshakeRecord || body > kRecordBytesMax)) {
    return Fail(TlsResult::kMalformed);
  }
  const size_t wanted = header.size() + body;
  const Arrival arrival = got <= 0 ? Arrival::kNever : Await(transport_.fd(), wanted);
  if (arrival == Arrival::kLater && awaited_ != wanted) {
    awaited_ = wanted;
    return Step::kWaits;
  }
  // Woken for less than it waited for: waiting again would be a busy loop, so the session takes what is there.
  SetReceiveLowWater(transport_.fd(), 1);
  if (arrival != Arrival::kNever && tls != nullptr) {
    transport_.StartTls(tls->Accept(transport_.fd()));
  }
  return transport_.tls() != nullptr ? Step::kDone : Fail(TlsResult::kClosed);
}

FirstBytes::Step FirstBytes::Fail(TlsResult result) {
  metrics_.CountHandshake(result);
  return result == TlsResult::kClosed || result == TlsResult::kTimeout ? Step::kEnds : Step::kRefused;
}

}  // namespace weir::edge
