#include "admin/admin_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <prometheus/counter.h>
#include <prometheus/registry.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"

namespace weir {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::unique_ptr<AdminServer> Started(AdminOptions options = {}) {
  auto server = AdminServer::Start({"127.0.0.1", 0}, std::move(options));
  EXPECT_TRUE(server.ok()) << Message(server.status());
  return *std::move(server);
}

// A socket, and nothing that helps.
class Client {
 public:
  explicit Client(uint16_t port) : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval patience{20, 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  }
  ~Client() { close(socket_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void Send(std::string_view bytes) {
    EXPECT_EQ(send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }

  // What comes back; nothing where the connection is closed unread, which cuts it.
  std::string TryToAsk(std::string_view bytes) {
    send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    char got[4096];
    for (ssize_t size; (size = recv(socket_, got, sizeof(got), 0)) > 0;) {
      input_.append(got, static_cast<size_t>(size));
    }
    return std::exchange(input_, "");
  }

  // Each byte when nothing has come back for a moment, until the connection ends, perhaps between the two. Returns
  // whether it did.
  bool IsEndedWhileSending(std::string_view bytes) {
    pollfd end = {socket_, POLLIN, 0};
    for (const char& byte : bytes) {
      if (poll(&end, 1, 2) != 0 || send(socket_, &byte, 1, MSG_NOSIGNAL) != 1) {
        return true;
      }
    }
    return false;
  }

  // One response: head, blank line, and the body that Content-Length promises unless it answers HEAD.
  std::string Read(bool has_body = true) {
    while (input_.find("\r\n\r\n") == std::string::npos) {
      if (!More()) {
        return std::exchange(input_, "");
      }
    }
    size_t size = input_.find("\r\n\r\n") + 4;
    if (has_body) {
      const size_t length = input_.find("Content-Length: ");
      size += std::strtoul(input_.c_str() + length + std::string_view("Content-Length: ").size(), nullptr, 10);
    }
    while (input_.size() < size && More()) {
    }
    std::string response = input_.substr(0, size);
    input_.erase(0, size);
    return response;
  }

  // Everything until the other end closes.
  std::string ReadAll() {
    while (More()) {
    }
    return std::exchange(input_, "");
  }

 private:
  bool More() {
    char bytes[4096];
    const ssize_t size = recv(socket_, bytes, sizeof(bytes), 0);
    EXPECT_GE(size, 0) << "the other end neither answered nor closed";
    input_.append(bytes, static_cast<size_t>(size > 0 ? size : 0));
    return size > 0;
  }

  int socket_;
  std::string input_;
};

std::string Ask(const AdminServer& server, std::string_view request) {
  Client client(server.port());
  client.Send(request);
  return client.Read();
}

TEST(AdminServer, AnswersHealthAndReadiness) {
  AdminOptions options;
  options.ready = [] { return absl::UnavailableError("still reading history"); };
  const auto server = Started(std::move(options));
  const std::string health = Ask(*server, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(health, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(health, HasSubstr("Cache-Control: no-store\r\n"));
  EXPECT_THAT(health, testing::EndsWith("\r\n\r\nok\n"));
  const std::string ready = Ask(*server, "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(ready, StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
  EXPECT_THAT(ready, HasSubstr("Content-Type: application/problem+json\r\n"));
  EXPECT_THAT(ready, HasSubstr("still reading history"));
}

TEST(AdminServer, RefusesWebPages) {
  const auto server = Started();
  for (const std::string_view lines :
       {"Host: evil.example\r\n", "Host: localhost\r\nOrigin: https://evil.example\r\n",
        "Host: localhost\r\nOrigin: null\r\n", "Host: localhost\r\nSec-Fetch-Site: cross-site\r\n",
        "Host: localhost\r\nSec-Fetch-Site: same-site\r\n"}) {
    for (const std::string_view method : {"GET", "POST", "OPTIONS"}) {
      const std::string answer = Ask(*server, fmt::format("{} /metrics HTTP/1.1\r\n{}\r\n", method, lines));
      EXPECT_THAT(answer, StartsWith("HTTP/1.1 403 ")) << lines;
      EXPECT_THAT(answer, Not(HasSubstr("Access-Control")));
      EXPECT_THAT(answer, HasSubstr("X-Content-Type-Options: nosniff\r\n"));
      EXPECT_THAT(answer, Not(HasSubstr("evil")));
    }
  }
}

TEST(AdminServer, ServesMetrics) {
  auto registry = std::make_shared<prometheus::Registry>();
  auto& counter = prometheus::BuildCounter().Name("weir_test_total").Register(*registry).Add({});
  AdminOptions options;
  options.collectables.push_back(registry);
  const auto server = Started(std::move(options));
  EXPECT_THAT(Ask(*server, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"), HasSubstr("\nweir_test_total 0\n"));
  counter.Increment(7);
  EXPECT_THAT(Ask(*server, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"), HasSubstr("\nweir_test_total 7\n"));
}

TEST(AdminServer, AnswersHeadWithoutBody) {
  const auto server = Started();
  Client client(server->port());
  client.Send(
      "HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: "
      "close\r\n\r\n");
  const std::string head = client.Read(false);
  EXPECT_THAT(head, HasSubstr("Content-Length: 3\r\n"));
  EXPECT_THAT(client.ReadAll(), StartsWith("HTTP/1.1 200 OK\r\n"));  // right behind: there was no body
}

TEST(AdminServer, RefusesOtherPathsAndMethods) {
  const auto server = Started();
  EXPECT_THAT(Ask(*server, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), StartsWith("HTTP/1.1 404 Not Found\r\n"));
  const std::string post = Ask(*server, "POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
  EXPECT_THAT(post, StartsWith("HTTP/1.1 405 Method Not Allowed\r\n"));
  EXPECT_THAT(post, HasSubstr("Allow: GET, HEAD\r\n"));
  EXPECT_THAT(Ask(*server, "BREW /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"), StartsWith("HTTP/1.1 405 "));
}

TEST(AdminServer, KeepsConnectionsAlive) {
  const auto server = Started();
  Client client(server->port());
  for (int i = 0; i < 3; ++i) {
    client.Send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_THAT(client.Read(), StartsWith("HTTP/1.1 200 OK\r\n"));
  }
  client.Send(
      "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n");  // pipelined
  EXPECT_THAT(client.Read(), StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(client.Read(), StartsWith("HTTP/1.1 404 Not Found\r\n"));
}

TEST(AdminServer, ClosesWhenAskedTo) {
  const auto server = Started();
  for (const char* request :
       {"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "GET /healthz HTTP/1.0\r\n\r\n"}) {
    Client client(server->port());
    client.Send(request);
    EXPECT_THAT(client.ReadAll(), testing::EndsWith("\r\n\r\nok\n"));
  }
}

TEST(AdminServer, ClosesAfterARequestWithABody) {
  const auto server = Started();
  Client client(server->port());
  client.Send("POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 40\r\n\r\n");
  client.Send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const std::string all = client.ReadAll();
  EXPECT_THAT(all, StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(all, Not(HasSubstr("200 OK")));
}

TEST(AdminServer, RefusesWhatIsNoHttp) {
  const auto server = Started();
  for (const char* request : {"\x16\x03\x01\x02\r\n\r\n", "GET\r\n\r\n", "GET /healthz HTTP/3.5\r\n\r\n",
                              "GET /healthz HTTP/1.1\r\nbad header\r\n\r\n"}) {
    Client client(server->port());
    client.Send(request);
    EXPECT_THAT(client.ReadAll(), StartsWith("HTTP/1.1 400 Bad Request\r\n")) << request;
  }
}

TEST(AdminServer, BoundsHeads) {
  AdminOptions options;
  options.head_bytes_max = 1024;
  const auto server = Started(std::move(options));
  const auto padded = [](size_t pad) {
    return "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nPad: " + std::string(pad, 'x') +
           "\r\n\r\n";
  };
  EXPECT_THAT(Ask(*server, padded(900)), StartsWith("HTTP/1.1 200 OK\r\n"));
  for (const size_t pad : {size_t{1024}, size_t{30'000}}) {
    Client client(server->port());
    client.Send(padded(pad));
    EXPECT_THAT(client.ReadAll(), StartsWith("HTTP/1.1 431 Request Header Fields Too Large\r\n"));
  }
}

TEST(AdminServer, AByteNowAndThenDoesNotLengthenAnExchange) {
  AdminOptions options;
  options.exchange_timeout = absl::Milliseconds(100);
  const auto server = Started(std::move(options));
  Client slow(server->port());
  EXPECT_TRUE(slow.IsEndedWhileSending("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(3'000, 'x')));
}

TEST(AdminServer, ClosesSlowAndIdleConnections) {
  AdminOptions options;
  options.exchange_timeout = absl::Seconds(1);
  options.idle_timeout = absl::Seconds(1);
  const auto server = Started(std::move(options));
  Client idle(server->port());
  Client slow(server->port());
  slow.Send("GET /healthz HTT");
  Client kept(server->port());
  kept.Send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(kept.Read(), StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_EQ(idle.ReadAll(), "");
  EXPECT_EQ(slow.ReadAll(), "");
  EXPECT_EQ(kept.ReadAll(), "");
}

TEST(AdminServer, CapsConnections) {
  AdminOptions options;
  options.connections_max = 2;
  const auto server = Started(std::move(options));
  const auto ask = [](Client& client) {
    client.Send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    return client.Read();
  };
  Client first(server->port());
  EXPECT_THAT(ask(first), StartsWith("HTTP/1.1 200 OK\r\n"));
  {
    Client second(server->port());
    EXPECT_THAT(ask(second), StartsWith("HTTP/1.1 200 OK\r\n"));
    Client third(server->port());
    Client fourth(server->port());
    EXPECT_THAT(third.ReadAll(), StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
    EXPECT_THAT(fourth.ReadAll(), StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
    EXPECT_EQ(Client(server->port()).ReadAll(), "");              // third and fourth have not closed yet
    EXPECT_THAT(ask(second), StartsWith("HTTP/1.1 200 OK\r\n"));  // those that are there stay
    second.Send("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    second.ReadAll();
  }
  // The closed ones make room as soon as the listener has noticed.
  for (std::string answer; answer.find("200 OK") == std::string::npos;) {
    answer = Client(server->port()).TryToAsk("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  }
}

TEST(AdminServer, EndsWithOpenConnections) {
  auto server = Started();
  Client idle(server->port());
  Client half(server->port());
  half.Send("GET /hea");
  server.reset();
}

TEST(AdminServer, SaysWhyItCannotListen) {
  const auto server = Started();
  const auto again = AdminServer::Start({"127.0.0.1", server->port()}, {});
  ASSERT_FALSE(again.ok());
  EXPECT_THAT(std::string(Message(again.status())),
              HasSubstr("cannot listen on 127.0.0.1:" + std::to_string(server->port()) + ": Address already in use"));
  EXPECT_FALSE(AdminServer::Start({"192.0.2.1", 0}, {}).ok());
}

TEST(AdminServer, ListensOnNames) {
  const auto named = AdminServer::Start({"localhost", 0}, {});
  EXPECT_TRUE(named.ok()) << Message(named.status());
}

}  // namespace
}  // namespace weir
