#include "clients/cli/edge_url.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "base/text.h"
#include "fmt/format.h"

namespace weir::cli {
namespace {

constexpr int kConnectMillis = 5'000;
constexpr std::string_view kHttp = "http://";
constexpr std::string_view kHttps = "https://";

absl::Status Invalid(std::string_view text, std::string_view why) {
  return absl::InvalidArgumentError(
      fmt::format("'{}': {}; allowed is such as http://127.0.0.1:8080/stream?topic=a", Quotable(text), why));
}

// Whether a port follows the host.
bool HasPort(std::string_view authority) {
  const size_t colon = authority.rfind(':');
  return colon != std::string_view::npos && !authority.ends_with(']');
}

// 0, or why it does not connect.
int TryConnect(const addrinfo& candidate) {
  const int fd = socket(candidate.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  int error = fd < 0 || connect(fd, candidate.ai_addr, candidate.ai_addrlen) != 0 ? errno : 0;
  if (error == EINPROGRESS) {
    pollfd ready{fd, POLLOUT, 0};
    socklen_t size = sizeof(error);
    error = ETIMEDOUT;
    if (poll(&ready, 1, kConnectMillis) == 1) {
      getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    }
  }
  if (fd >= 0) {
    close(fd);
  }
  return error;
}

}  // namespace

absl::StatusOr<EdgeUrl> ParseEdgeUrl(std::string_view text) {
  EdgeUrl url;
  url.tls = text.starts_with(kHttps);
  if (!url.tls && !text.starts_with(kHttp)) {
    return Invalid(text, "it begins neither with http:// nor with https://");
  }
  const bool visible = std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7F'; });
  if (!visible || text.find('#') != std::string_view::npos || text.size() > 8'000) {
    return Invalid(text, "a URL has at most 8000 bytes, of visible ASCII, and no # here");
  }
  const std::string_view rest = text.substr(url.tls ? kHttps.size() : kHttp.size());
  const size_t end = std::min(rest.find_first_of("/?"), rest.size());
  url.host = rest.substr(0, end);
  const absl::StatusOr<Address> address =
      ParseAddress(HasPort(url.host) ? url.host : absl::StrCat(url.host, url.tls ? ":443" : ":80"));
  if (!address.ok()) {
    return Invalid(text, Message(address.status()));
  }
  url.address = *address;
  url.target = absl::StrCat(rest.substr(end).starts_with('/') ? "" : "/", std::string(rest.substr(end)));
  return url;
}

absl::StatusOr<load::Endpoint> FindEndpoint(const Address& address) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
      error != 0) {
    return absl::UnavailableError(fmt::format("{}: {}", address.host, gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> all(found, freeaddrinfo);
  int error = 0;
  for (const addrinfo* candidate = found; candidate != nullptr; candidate = candidate->ai_next) {
    error = TryConnect(*candidate);
    if (error == 0) {
      load::Endpoint endpoint;
      std::memcpy(&endpoint.address, candidate->ai_addr, candidate->ai_addrlen);
      endpoint.size = candidate->ai_addrlen;
      return endpoint;
    }
  }
  return absl::UnavailableError(
      fmt::format("cannot connect to {}: {}", address.ToString(), std::generic_category().message(error)));
}

}  // namespace weir::cli
