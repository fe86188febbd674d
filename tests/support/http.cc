#include "tests/support/http.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "absl/time/clock.h"

namespace weir::testing {
namespace {

std::string Lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

struct Head {
  int status = 0;
  Headers headers;
};

Head ParseHead(std::string_view text) {
  Head head;
  const size_t space = text.find(' ');
  std::from_chars(text.data() + space + 1, text.data() + std::min(text.size(), space + 4), head.status);
  for (size_t at = text.find("\r\n"); at != std::string_view::npos && at + 2 < text.size();) {
    const size_t end = text.find("\r\n", at + 2);
    const std::string_view line = text.substr(at + 2, end == std::string_view::npos ? end : end - at - 2);
    if (const size_t colon = line.find(':'); colon != std::string_view::npos) {
      const size_t value = std::min(line.find_first_not_of(' ', colon + 1), line.size());
      head.headers[Lower(line.substr(0, colon))] = std::string(line.substr(value));
    }
    at = end;
  }
  return head;
}

std::string RequestText(const std::string& method, const std::string& target, const std::vector<std::string>& headers) {
  std::string text = fmt::format("{} {} HTTP/1.1\r\nHost: 127.0.0.1\r\n", method, target);
  for (const std::string& header : headers) {
    text += header + "\r\n";
  }
  return text + "\r\n";
}

// Takes one whole chunk off the front of `wire`. Null: not all of it is there. Empty: the last chunk.
std::optional<std::string> TakeChunk(std::string& wire) {
  const size_t line = wire.find("\r\n");
  size_t size = 0;
  if (line == std::string::npos || std::from_chars(wire.data(), wire.data() + line, size, 16).ec != std::errc() ||
      wire.size() < line + 4 + size) {
    return std::nullopt;
  }
  std::string chunk = wire.substr(line + 2, size);
  wire.erase(0, line + 4 + size);
  return chunk;
}

}  // namespace

namespace {

std::set<uint16_t>& TlsPorts() {
  static std::set<uint16_t> ports;
  return ports;
}

absl::Status TlsError(std::string_view what) {
  const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
  return absl::UnavailableError(fmt::format("{}: {}", what, reason == nullptr ? "the connection was cut" : reason));
}

}  // namespace

void Connection::SpeakTls(uint16_t port) { TlsPorts().insert(port); }

absl::StatusOr<Connection> Connection::Open(uint16_t port) {
  if (TlsPorts().contains(port)) {
    return OpenTls(port);
  }
  Connection connection(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (absl::Status status = connection.Connect(port); !status.ok()) {
    return status;
  }
  return connection;
}

absl::StatusOr<Connection> Connection::OpenTls(uint16_t port, const TlsOptions& options) {
  Connection connection(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (absl::Status status = connection.Connect(port); !status.ok()) {
    return status;
  }
  if (absl::Status status = connection.StartTls(options); !status.ok()) {
    return status;
  }
  return connection;
}

absl::Status Connection::StartTls(const TlsOptions& options) {
  signal(SIGPIPE, SIG_IGN);  // OpenSSL writes as if there were none
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
  SSL_CTX_set_security_level(context.get(), 0);  // also what is too old to be good
  SSL_CTX_set_min_proto_version(context.get(), TLS1_VERSION);
  SSL_CTX_set_max_proto_version(context.get(), options.version_max);
  tls_ = SSL_new(context.get());
  SSL_set_fd(tls_, fd_);
  if (options.ticket != nullptr) {
    SSL_SESSION* const copy = SSL_SESSION_dup(options.ticket);  // a session that is used is spoilt
    SSL_set_session(tls_, copy);
    SSL_SESSION_free(copy);
  }
  if (!options.protocol.empty()) {
    const std::string list = static_cast<char>(options.protocol.size()) + options.protocol;
    SSL_set_alpn_protos(tls_, reinterpret_cast<const unsigned char*>(list.data()),
                        static_cast<unsigned int>(list.size()));
  }
  ERR_clear_error();
  return SSL_connect(tls_) == 1 ? absl::OkStatus() : TlsError("no TLS");
}

absl::Status Connection::Connect(uint16_t port) const {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return absl::ErrnoToStatus(errno, fmt::format("connect to port {}", port));
  }
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return absl::OkStatus();
}

Connection::Connection(Connection&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), tls_(std::exchange(other.tls_, nullptr)) {}

Connection& Connection::operator=(Connection&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(tls_, other.tls_);
  return *this;
}

Connection::~Connection() {
  SSL_free(tls_);
  if (fd_ >= 0) {
    close(fd_);
  }
}

absl::Status Connection::Send(std::string_view bytes) const {
  while (!bytes.empty()) {
    if (tls_ != nullptr) {
      ERR_clear_error();
      return SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size())) > 0 ? absl::OkStatus() : TlsError("send");
    }
    const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) {
      return absl::ErrnoToStatus(errno, "send");
    }
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return absl::OkStatus();
}

bool Connection::Readable(absl::Duration timeout) const {
  pollfd ready{fd_, POLLIN, 0};
  const auto millis = absl::ToInt64Milliseconds(timeout);
  return poll(&ready, 1, millis < 0 ? 0 : static_cast<int>(millis)) > 0;
}

absl::StatusOr<std::string> Connection::ReceiveTls(absl::Duration timeout) const {
  const absl::Time deadline = absl::Now() + timeout;
  std::array<char, 65536> bytes;
  SSL_clear_mode(tls_, SSL_MODE_AUTO_RETRY);  // a ticket may come, and nothing behind it
  for (;;) {
    if (SSL_pending(tls_) == 0 && !Readable(deadline - absl::Now())) {
      return absl::DeadlineExceededError("nothing was received in time");
    }
    ERR_clear_error();
    const int count = SSL_read(tls_, bytes.data(), static_cast<int>(bytes.size()));
    if (count > 0) {
      return std::string(bytes.data(), static_cast<size_t>(count));
    }
    switch (SSL_get_error(tls_, count)) {
      case SSL_ERROR_WANT_READ:
        continue;
      case SSL_ERROR_ZERO_RETURN:
        return absl::OutOfRangeError("the session was closed");
      default:
        return TlsError("receive");
    }
  }
}

absl::StatusOr<std::string> Connection::Receive(absl::Duration timeout) const {
  if (tls_ != nullptr) {
    return ReceiveTls(timeout);
  }
  if (!Readable(timeout)) {
    return absl::DeadlineExceededError("nothing was received in time");
  }
  std::array<char, 65536> bytes;
  const ssize_t count = recv(fd_, bytes.data(), bytes.size(), 0);
  if (count < 0) {
    return absl::UnavailableError("the connection was reset");
  }
  if (count == 0) {
    return absl::OutOfRangeError("the connection was closed");
  }
  return std::string(bytes.data(), static_cast<size_t>(count));
}

std::string Connection::ReceiveAll(absl::Duration timeout) const {
  const absl::Time deadline = absl::Now() + timeout;
  std::string all;
  for (;;) {
    absl::StatusOr<std::string> more = Receive(deadline - absl::Now());
    if (!more.ok()) {
      return all;
    }
    all += *more;
  }
}

absl::StatusOr<Response> Fetch(uint16_t port, const std::string& target, const std::vector<std::string>& headers,
                               const std::string& method, absl::Duration timeout) {
  absl::StatusOr<Connection> connection = Connection::Open(port);
  if (!connection.ok()) {
    return connection.status();
  }
  std::vector<std::string> all = headers;
  all.emplace_back("Connection: close");
  if (absl::Status status = connection->Send(RequestText(method, target, all)); !status.ok()) {
    return status;
  }
  const std::string text = connection->ReceiveAll(timeout);
  const size_t end = text.find("\r\n\r\n");
  if (end == std::string::npos) {
    return absl::UnavailableError(fmt::format("no whole response: \"{}\"", text));
  }
  const Head head = ParseHead(std::string_view(text).substr(0, end));
  Response response{head.status, head.headers, text.substr(end + 4)};
  if (const auto it = head.headers.find("transfer-encoding"); it != head.headers.end() && it->second == "chunked") {
    std::string wire = std::move(response.body);
    response.body.clear();
    while (std::optional<std::string> chunk = TakeChunk(wire)) {
      response.body += *chunk;
    }
  }
  const auto length = head.headers.find("content-length");
  if (method != "HEAD" && head.status != 304 && length != head.headers.end() &&
      response.body.size() < std::strtoull(length->second.c_str(), nullptr, 10)) {
    return absl::UnavailableError(fmt::format("{} of {} bytes of the body", response.body.size(), length->second));
  }
  return response;
}

absl::StatusOr<SseStream> SseStream::Open(uint16_t port, const std::string& target,
                                          const std::vector<std::string>& headers, absl::Duration timeout) {
  absl::StatusOr<Connection> connection = Connection::Open(port);
  if (!connection.ok()) {
    return connection.status();
  }
  return OpenOn(*std::move(connection), target, headers, timeout);
}

absl::StatusOr<SseStream> SseStream::OpenOn(Connection connection, const std::string& target,
                                            const std::vector<std::string>& headers, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  if (absl::Status status = connection.Send(RequestText("GET", target, headers)); !status.ok()) {
    return status;
  }
  SseStream stream(std::move(connection));
  size_t end = std::string::npos;
  while ((end = stream.wire_.find("\r\n\r\n")) == std::string::npos) {
    absl::StatusOr<std::string> more = stream.connection_.Receive(deadline - absl::Now());
    if (!more.ok()) {
      return more.status();
    }
    stream.wire_ += *more;
  }
  stream.head_ = stream.wire_.substr(0, end);
  stream.wire_.erase(0, end + 4);
  const Head head = ParseHead(stream.head_);
  stream.status_ = head.status;
  stream.headers_ = head.headers;
  const auto it = head.headers.find("transfer-encoding");
  stream.chunked_ = it != head.headers.end() && it->second == "chunked";
  stream.Unchunk();
  return stream;
}

void SseStream::Unchunk() {
  if (!chunked_) {
    text_ += wire_;
    raw_ += wire_;
    wire_.clear();
    return;
  }
  while (std::optional<std::string> chunk = TakeChunk(wire_)) {
    if (chunk->empty()) {
      ended_ = true;
      return;
    }
    text_ += *chunk;
    raw_ += *chunk;
  }
}

absl::Status SseStream::Fill(absl::Time deadline) {
  if (ended_) {
    return absl::OutOfRangeError("the stream ended");
  }
  absl::StatusOr<std::string> more = connection_.Receive(deadline - absl::Now());
  if (absl::IsOutOfRange(more.status())) {
    return chunked_ ? absl::UnavailableError("the stream was cut") : more.status();
  }
  if (!more.ok()) {
    return more.status();
  }
  wire_ += *more;
  Unchunk();
  return absl::OkStatus();
}

absl::StatusOr<SseEvent> SseStream::Next(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  for (;;) {
    // A comment line may stand alone, so lines are taken one at a time; a block ends with a blank line.
    while (text_.starts_with(":")) {
      const size_t end = text_.find('\n');
      if (end == std::string::npos) {
        break;
      }
      ++comments_;
      text_.erase(0, end + 1);
    }
    const size_t end = text_.find("\n\n");
    if (end == std::string::npos || text_.starts_with(":")) {
      if (absl::Status status = Fill(deadline); !status.ok()) {
        return status;
      }
      continue;
    }
    const std::string block = text_.substr(0, end + 1);
    text_.erase(0, end + 2);
    SseEvent event;
    bool has_data = false;
    for (size_t at = 0; at < block.size();) {
      const size_t line_end = block.find('\n', at);
      const std::string line = block.substr(at, line_end - at);
      at = line_end + 1;
      const size_t colon = line.find(':');
      const std::string name = line.substr(0, colon);
      std::string value = colon == std::string::npos ? "" : line.substr(colon + 1);
      if (value.starts_with(' ')) {
        value.erase(0, 1);
      }
      if (line.starts_with(':')) {
        ++comments_;
      } else if (name == "event") {
        event.event = value;
      } else if (name == "id") {
        last_event_id_ = value;
      } else if (name == "retry") {
        std::from_chars(value.data(), value.data() + value.size(), retry_millis_);
      } else if (name == "data") {
        event.data += (has_data ? "\n" : "") + value;
        has_data = true;
      }
    }
    if (has_data) {
      event.id = last_event_id_;
      return event;
    }
  }
}

absl::StatusOr<SseEvent> SseStream::NextNamed(std::string_view name, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  for (;;) {
    absl::StatusOr<SseEvent> event = Next(deadline - absl::Now());
    if (!event.ok() || event->event == name) {
      return event;
    }
  }
}

}  // namespace weir::testing
