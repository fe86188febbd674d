// A session against an OpenSSL client over a real pair of sockets, one thread.
#include "edge/tls/session.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <utility>

#include "base/clock.h"
#include "edge/tls/context.h"
#include "tests/support/certificate.h"

namespace weir::edge {
namespace {

using Step = TlsSession::Step;

class TlsSessionTest : public ::testing::Test {
 protected:
  TlsSessionTest() : client_context_(SSL_CTX_new(TLS_client_method())) {
    // The clients of some tests are older than what the system's OpenSSL lets them be.
    SSL_CTX_set_security_level(client_context_, 0);
    SSL_CTX_set_session_cache_mode(client_context_, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_set_app_data(client_context_, this);
    SSL_CTX_sess_set_new_cb(client_context_, [](SSL* ssl, SSL_SESSION* session) {
      auto* const test = static_cast<TlsSessionTest*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
      SSL_SESSION_free(std::exchange(test->ticket_, session));
      return 1;
    });
  }
  ~TlsSessionTest() override {
    Disconnect();
    SSL_SESSION_free(ticket_);
    SSL_CTX_free(client_context_);
  }

  static std::string Write(const std::string& text) {
    std::string path = ::testing::TempDir() + "tls_session_test.XXXXXX";
    const int fd = ::mkstemp(path.data());
    EXPECT_EQ(::write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
    ::close(fd);
    return path;
  }
  std::shared_ptr<const TlsContext> Load(const testing::Certificate& certificate) {
    const std::string certificate_file = Write(certificate.certificate);
    const std::string key_file = Write(certificate.key);
    auto context = TlsContext::Load(certificate_file, key_file, clock_.clock());
    std::remove(certificate_file.c_str());
    std::remove(key_file.c_str());
    EXPECT_TRUE(context.ok()) << context.status();
    return *context;
  }
  static const testing::Certificate& Ours() {
    static const testing::Certificate certificate = testing::MakeCertificate();
    return certificate;
  }

  // A new pair of sockets with small buffers, and both ends upon it.
  void Connect() {
    Disconnect();
    int fds[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    server_fd_ = fds[0];
    client_fd_ = fds[1];
    const int bytes = 8 * 1024;
    ::setsockopt(server_fd_, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    if (context_ == nullptr) {
      context_ = Load(Ours());
    }
    server_ = context_->Accept(server_fd_);
    client_ = SSL_new(client_context_);
    SSL_set_fd(client_, client_fd_);
    SSL_set_connect_state(client_);
  }
  void Disconnect() {
    server_.reset();
    SSL_free(std::exchange(client_, nullptr));
    for (int* const fd : {&server_fd_, &client_fd_}) {
      if (*fd >= 0) {
        ::close(std::exchange(*fd, -1));
      }
    }
  }
  // Until the server is done or has failed, or both wait for each other.
  Step ShakeHands() {
    Step step = Step::kWaits;
    for (int i = 0; i < 10; ++i) {
      ERR_clear_error();
      SSL_do_handshake(client_);
      if (step == Step::kWaits) {
        step = server_->ShakeHands();
      }
    }
    return step;
  }
  void ConnectWell() {
    Connect();
    ASSERT_EQ(ShakeHands(), Step::kDone);
  }
  std::string ServerReceives() {
    std::string buffer(16 * 1024, '\0');
    const ssize_t got = server_->Receive(buffer.data(), buffer.size());
    server_error_ = errno;
    if (got < 0) {
      return "error";
    }
    buffer.resize(static_cast<size_t>(got));
    return buffer;
  }
  // All that has come.
  std::string ClientReceives() {
    std::string all;
    char buffer[4096];
    ERR_clear_error();
    for (int got = 0; (got = SSL_read(client_, buffer, sizeof(buffer))) > 0;) {
      all.append(buffer, static_cast<size_t>(got));
    }
    return all;
  }
  void ClientSends(const std::string& text) {
    ASSERT_EQ(SSL_write(client_, text.data(), static_cast<int>(text.size())), static_cast<int>(text.size()));
  }

  SimulatedClock clock_;
  SSL_CTX* client_context_;
  SSL_SESSION* ticket_ = nullptr;
  std::shared_ptr<const TlsContext> context_;
  std::unique_ptr<TlsSession> server_;
  SSL* client_ = nullptr;
  int server_fd_ = -1;
  int client_fd_ = -1;
  int server_error_ = 0;
};

TEST_F(TlsSessionTest, SpeaksBothVersionsWithBothKindsOfKeys) {
  for (const bool rsa : {false, true}) {
    context_ = Load(testing::MakeCertificate({.rsa = rsa}));
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
      SSL_CTX_set_max_proto_version(client_context_, version);
      ConnectWell();
      EXPECT_EQ(server_->result(), TlsResult::kOk);
      EXPECT_EQ(SSL_version(client_), version);
      EXPECT_EQ(server_->Send("hello"), 5);
      EXPECT_EQ(ClientReceives(), "hello");
      ClientSends("hello yourself");
      EXPECT_EQ(ServerReceives(), "hello yourself");
      EXPECT_EQ(ServerReceives(), "error");
      EXPECT_EQ(server_error_, EAGAIN);
    }
  }
}

TEST_F(TlsSessionTest, RefusesWhatIsOldOrWeak) {
  SSL_CTX_set_min_proto_version(client_context_, TLS1_VERSION);
  for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
    SSL_CTX_set_max_proto_version(client_context_, version);
    Connect();
    EXPECT_EQ(ShakeHands(), Step::kFailed);
    EXPECT_EQ(server_->result(), TlsResult::kUnsupported) << version;
  }
  SSL_CTX_set_max_proto_version(client_context_, TLS1_2_VERSION);
  for (const char* const cipher : {"ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA", "ECDHE-ECDSA-NULL-SHA"}) {
    ASSERT_EQ(SSL_CTX_set_cipher_list(client_context_, cipher), 1) << cipher;
    Connect();
    EXPECT_EQ(ShakeHands(), Step::kFailed) << cipher;
    EXPECT_EQ(server_->result(), TlsResult::kUnsupported) << cipher;
  }
  ASSERT_EQ(SSL_CTX_set_cipher_list(client_context_, "ECDHE-ECDSA-CHACHA20-POLY1305"), 1);
  ConnectWell();
}

TEST_F(TlsSessionTest, TakesHttp11AmongTheProtocolsOfferedAndNothingElse) {
  const auto offer = [this](std::string_view protocols) {
    Connect();
    SSL_set_alpn_protos(client_, reinterpret_cast<const unsigned char*>(protocols.data()),
                        static_cast<unsigned int>(protocols.size()));
    return ShakeHands();
  };
  ASSERT_EQ(offer("\x02h2\x08http/1.1"), Step::kDone);
  const unsigned char* chosen = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(client_, &chosen, &size);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(chosen), size), "http/1.1");
  EXPECT_EQ(offer("\x02h2"), Step::kFailed);
  EXPECT_EQ(server_->result(), TlsResult::kNoProtocol);
}

TEST_F(TlsSessionTest, NamesWhyAHandshakeFailed) {
  Connect();
  ASSERT_EQ(::send(client_fd_, "\x16\x03\x01\x00\x05nonsense", 13, 0), 13);
  EXPECT_EQ(server_->ShakeHands(), Step::kFailed);
  EXPECT_EQ(server_->result(), TlsResult::kMalformed);

  Connect();
  EXPECT_EQ(server_->ShakeHands(), Step::kWaits);
  EXPECT_FALSE(server_->needs_room());
  ::shutdown(client_fd_, SHUT_WR);
  EXPECT_EQ(server_->ShakeHands(), Step::kFailed);
  EXPECT_EQ(server_->result(), TlsResult::kClosed);

  SSL_CTX_set_verify(client_context_, SSL_VERIFY_PEER, nullptr);  // and nobody is trusted
  Connect();
  EXPECT_EQ(ShakeHands(), Step::kFailed);
  EXPECT_EQ(server_->result(), TlsResult::kRejected);
}

// What the kernel did not take is taken later, from wherever the same bytes then lie.
TEST_F(TlsSessionTest, GoesOnInTheMiddleOfARecord) {
  ConnectWell();
  ClientReceives();
  std::string sent;
  for (size_t i = 0; i < 300'000; ++i) {
    sent.push_back(static_cast<char>('a' + i * i % 23));
  }
  server_->TookBytes();
  const ssize_t first = server_->Send(sent);
  ASSERT_LT(first, static_cast<ssize_t>(sent.size()));
  EXPECT_TRUE(server_->TookBytes());
  size_t at = first < 0 ? 0 : static_cast<size_t>(first);
  EXPECT_EQ(server_->Send(std::string_view(sent).substr(at)), -1);
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_FALSE(server_->TookBytes());
  std::string received;
  for (int i = 0; i < 1000 && received.size() < sent.size(); ++i) {
    received += ClientReceives();
    const std::string rest = sent.substr(at);
    const ssize_t more = rest.empty() ? 0 : server_->Send(rest);
    at += more < 0 ? 0 : static_cast<size_t>(more);
  }
  EXPECT_EQ(at, sent.size());
  EXPECT_EQ(received.size(), sent.size());
  EXPECT_TRUE(received == sent);
}

TEST_F(TlsSessionTest, GivesARecordAtATime) {
  ConnectWell();
  ClientSends("one");
  ClientSends("two");
  EXPECT_EQ(ServerReceives(), "one");
  EXPECT_EQ(ServerReceives(), "two");
}

TEST_F(TlsSessionTest, SaysWhetherSomethingIsLeftOfARecord) {
  ConnectWell();
  ClientSends("one");
  EXPECT_FALSE(server_->holds_bytes()) << "the socket tells of it";
  char byte = 0;
  EXPECT_EQ(server_->Receive(&byte, 1), 1);
  EXPECT_TRUE(server_->holds_bytes());
  EXPECT_EQ(ServerReceives(), "ne");
  EXPECT_FALSE(server_->holds_bytes());
}

TEST_F(TlsSessionTest, TellsAndIsToldTheEnd) {
  ConnectWell();
  server_->SayGoodbye();
  EXPECT_EQ(ClientReceives(), "");
  EXPECT_EQ(SSL_get_shutdown(client_), SSL_RECEIVED_SHUTDOWN);
  SSL_shutdown(client_);
  EXPECT_EQ(ServerReceives(), "");

  ConnectWell();
  ::shutdown(client_fd_, SHUT_WR);  // without a word
  EXPECT_EQ(ServerReceives(), "");
}

TEST_F(TlsSessionTest, EndsWithWhatIsNoRecord) {
  ConnectWell();
  ASSERT_EQ(::send(client_fd_, "nonsense nonsense", 17, 0), 17);
  EXPECT_EQ(ServerReceives(), "error");
  EXPECT_EQ(server_error_, EPROTO);
  EXPECT_EQ(server_->Send("hello"), -1);
  EXPECT_EQ(errno, EPROTO);
  EXPECT_EQ(ServerReceives(), "error");
}

TEST_F(TlsSessionTest, ChangesItsKeysWithTheClient) {
  SSL_CTX_set_min_proto_version(client_context_, TLS1_3_VERSION);
  ConnectWell();
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(SSL_key_update(client_, SSL_KEY_UPDATE_REQUESTED), 1);
    ClientSends("hello");
    EXPECT_EQ(ServerReceives(), "error");  // that was the change
    EXPECT_EQ(server_error_, EAGAIN);
    EXPECT_EQ(ServerReceives(), "hello");
    EXPECT_EQ(server_->Send("hello"), 5);
    EXPECT_EQ(ClientReceives(), "hello");
  }
}

TEST_F(TlsSessionTest, DoesNotNegotiateAnew) {
  SSL_CTX_set_max_proto_version(client_context_, TLS1_2_VERSION);
  ConnectWell();
  SSL_renegotiate(client_);
  int reason = 0;
  for (int i = 0; i < 5 && reason == 0; ++i) {
    ERR_clear_error();
    SSL_do_handshake(client_);
    reason = ERR_GET_REASON(ERR_peek_error());
    ServerReceives();
  }
  EXPECT_EQ(reason, SSL_R_NO_RENEGOTIATION);
}

TEST_F(TlsSessionTest, ResumesByATicketForFourHoursAtMost) {
  SSL_CTX_set_min_proto_version(client_context_, TLS1_3_VERSION);
  ConnectWell();
  ClientReceives();
  ASSERT_NE(ticket_, nullptr);
  SSL_SESSION* const old = SSL_SESSION_dup(ticket_);
  const auto come_back = [&] {
    Connect();
    SSL_SESSION* const copy = SSL_SESSION_dup(old);  // a session that is used is spoilt
    SSL_set_session(client_, copy);
    SSL_SESSION_free(copy);
    EXPECT_EQ(ShakeHands(), Step::kDone);
    EXPECT_EQ(server_->Send("hello"), 5);
    EXPECT_EQ(ClientReceives(), "hello");
    return server_->result();
  };
  EXPECT_EQ(come_back(), TlsResult::kResumed);
  clock_.Advance(TicketKeys::kLifetime);
  EXPECT_EQ(come_back(), TlsResult::kResumed);
  clock_.Advance(TicketKeys::kLifetime);
  EXPECT_EQ(come_back(), TlsResult::kOk);
  SSL_SESSION_free(old);
}

// A context made anew has other keys.
TEST_F(TlsSessionTest, AnotherContextOpensNoTickets) {
  SSL_CTX_set_min_proto_version(client_context_, TLS1_3_VERSION);
  ConnectWell();
  ClientReceives();
  ASSERT_NE(ticket_, nullptr);
  context_ = Load(Ours());
  Connect();
  SSL_set_session(client_, ticket_);
  EXPECT_EQ(ShakeHands(), Step::kDone);
  EXPECT_EQ(server_->result(), TlsResult::kOk);
}

TEST_F(TlsSessionTest, GivesNoTicketsInTls12) {
  SSL_CTX_set_max_proto_version(client_context_, TLS1_2_VERSION);
  ConnectWell();
  ClientReceives();
  EXPECT_TRUE(ticket_ == nullptr || SSL_SESSION_has_ticket(ticket_) == 0);
}

// A session keeps what it was made of.
TEST_F(TlsSessionTest, OutlivesTheContextsOwner) {
  Connect();
  context_.reset();
  EXPECT_EQ(ShakeHands(), Step::kDone);
  EXPECT_EQ(server_->Send("hello"), 5);
}

}  // namespace
}  // namespace weir::edge
