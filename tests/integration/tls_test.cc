// What is TLS's own at the edge's door: who gets in and who is told why not, certificates that change while streams are
// open, and a clean end. That everything else is as over plain connections show the tests that run a second time with
// WEIR_TEST_TLS.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <signal.h>
#include <sys/socket.h>

#include <filesystem>

#include "tests/integration/numbered_events.h"

namespace weir::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kYaml[] =
    "tls: {certificate: cert.pem, key: key.pem}\n"
    "routes: [{path: /a, filters: [dispatch.a], heartbeat: {interval: 1s}}]\n"
    "drain: {window: 0s}\n";

class TlsTest : public NumberedEvents {
 protected:
  void Start(const std::string& more = "", const CertificateOptions& certificate = {}) {
    WriteFile(system_.edge_config_path(), kYaml + more);
    system_.WriteCertificate(certificate);
    system_.StartServer({"--engine", "memory"});
    system_.StartEdge({"--threads", "2"});
    ASSERT_TRUE(system_.WaitReady());
  }
  absl::StatusOr<Connection> Connect(const TlsOptions& options = {}) const {
    return Connection::OpenTls(system_.http_port(), options);
  }
  SseStream OpenStream(const TlsOptions& options = {}) const {
    absl::StatusOr<SseStream> stream = SseStream::OpenOn(Connect(options).value(), "/a");
    EXPECT_TRUE(stream.ok()) << stream.status();
    ExpectNext(*stream, "weir.connected");
    return *std::move(stream);
  }
  double Handshakes(const std::string& result) const {
    return EdgeMetric("weir_edge_tls_handshakes_total{result=\"" + result + "\"}");
  }
  bool AwaitHandshakes(const std::string& result, double count) const {
    return WaitUntil([&] { return Handshakes(result) == count; });
  }
  // What comes back for bytes that are sent as they are, until the edge ends the connection.
  std::string AskPlainly(const std::string& bytes) const {
    absl::StatusOr<Connection> connection = Connection::Open(system_.http_port());
    EXPECT_TRUE(connection.ok() && connection->Send(bytes).ok());
    return connection->ReceiveAll(kPatience);
  }
  std::string NameOnCertificate() const {
    const absl::StatusOr<Connection> connection = Connect();
    if (!connection.ok()) {
      return connection.status().ToString();
    }
    X509* const certificate = SSL_get1_peer_certificate(connection->tls());
    char name[64] = {};
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof(name));
    X509_free(certificate);
    return name;
  }
  std::string EdgeLog() const { return ReadFile(system_.dir().File("edge.log")); }
  void Reload(const char* result) {
    const std::string metric = std::string("weir_edge_config_reloads_total{result=\"") + result + "\"}";
    const double before = EdgeMetric(metric);
    system_.edge().Signal(SIGHUP);
    ASSERT_TRUE(WaitUntil([&] { return EdgeMetric(metric) == before + 1; })) << EdgeLog();
  }
};

TEST_F(TlsTest, StreamsFlowOverBothVersions) {
  Start();
  SseStream newest = OpenStream();
  SseStream older = OpenStream({.version_max = TLS1_2_VERSION});
  EXPECT_EQ(SSL_version(newest.connection().tls()), TLS1_3_VERSION);
  EXPECT_EQ(SSL_version(older.connection().tls()), TLS1_2_VERSION);
  PublishNumbers("dispatch.a", 1, 500);
  ExpectNumbers(newest, 1, 500);
  ExpectNumbers(older, 1, 500);
  EXPECT_EQ(Handshakes("ok"), 2);
}

TEST_F(TlsTest, WhoSpeaksNoGoodTlsIsRefusedAndCounted) {
  Start();
  SseStream reader = OpenStream();
  EXPECT_FALSE(Connect({.version_max = TLS1_1_VERSION}).ok());
  EXPECT_TRUE(AwaitHandshakes("unsupported", 1));
  const absl::StatusOr<Connection> h2 = Connect({.protocol = "h2"});
  EXPECT_THAT(h2.status().ToString(), HasSubstr("no application protocol"));
  EXPECT_TRUE(AwaitHandshakes("no_protocol", 1));
  EXPECT_TRUE(Connect({.protocol = ""}).ok());

  EXPECT_EQ(AskPlainly("\x01\x02\x03 nonsense"), "");
  EXPECT_EQ(AskPlainly("\x80\x2e\x01\x03\x01"), "") << "as SSL 2 began";
  EXPECT_EQ(AskPlainly(std::string("\x16\x03\x01\xff\xff", 5) + std::string(1000, 'x')), "") << "a record too large";
  EXPECT_EQ(AskPlainly(std::string("\x16\x03\x01\x00\x05nonsense", 13)).substr(0, 1), "\x15") << "an alert";
  EXPECT_TRUE(AwaitHandshakes("malformed", 4));
  // Behind an urgent byte there is less than the kernel says: it is taken, and not waited for again and again.
  const absl::StatusOr<Connection> urgent = Connection::Open(system_.http_port());
  ASSERT_TRUE(urgent->Send("\x16").ok());
  ASSERT_EQ(::send(urgent->fd(), "x", 1, MSG_OOB), 1);
  ASSERT_TRUE(urgent->Send("this is no record at all").ok());
  EXPECT_TRUE(AwaitHandshakes("malformed", 5));
  { ASSERT_TRUE(Connection::Open(system_.http_port())->Send("\x16").ok()); }
  EXPECT_TRUE(AwaitHandshakes("closed", 1));
  PublishNumbers("dispatch.a", 1, 3);
  ExpectNumbers(reader, 1, 3);
}

TEST_F(TlsTest, PlainHttpIsTold) {
  Start();
  for (const std::string method : {"GET", "OPTIONS", "POST"}) {
    const std::string answer = AskPlainly(method + " /a HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 Bad Request\r\n"));
    EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
    EXPECT_THAT(answer, HasSubstr("urn:weir:problem:plain-http"));
  }
  EXPECT_TRUE(AwaitHandshakes("plain_http", 3));
}

TEST_F(TlsTest, AHandshakeHasADeadline) {
  Start("limits: {head_timeout: 4s}\n");
  SseStream reader = OpenStream();
  const absl::StatusOr<Connection> silent = Connection::Open(system_.http_port());
  const absl::StatusOr<Connection> begun = Connection::Open(system_.http_port());
  const absl::StatusOr<Connection> slow = Connection::Open(system_.http_port());
  ASSERT_TRUE(begun->Send("\x16").ok());
  ASSERT_TRUE(slow->Send(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11)).ok());
  EXPECT_EQ(silent->ReceiveAll(kPatience), "");
  EXPECT_EQ(begun->ReceiveAll(kPatience), "");
  EXPECT_EQ(slow->ReceiveAll(kPatience), "");
  EXPECT_TRUE(AwaitHandshakes("timeout", 3));
  // And a request has what is left of it.
  const absl::StatusOr<Connection> mute = Connect();
  EXPECT_TRUE(absl::IsOutOfRange(mute->Receive(kPatience).status()));
  PublishNumbers("dispatch.a", 1, 3);
  ExpectNumbers(reader, 1, 3);
}

TEST_F(TlsTest, AHandshakeMayComeByteByByte) {
  Start();
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  SSL* const client = SSL_new(context);
  BIO* const out = BIO_new(BIO_s_mem());
  SSL_set_bio(client, BIO_new(BIO_s_mem()), out);
  EXPECT_EQ(SSL_connect(client), -1);
  char* hello = nullptr;
  const auto size = static_cast<size_t>(BIO_get_mem_data(out, &hello));
  const absl::StatusOr<Connection> connection = Connection::Open(system_.http_port());
  for (const char& byte : std::string_view(hello, size)) {
    ASSERT_TRUE(connection->Send({&byte, 1}).ok());
  }
  const absl::StatusOr<std::string> answer = connection->Receive(kPatience);
  EXPECT_EQ(answer.ok() ? answer->substr(0, 1) : answer.status().ToString(), "\x16");
  SSL_free(client);
  SSL_CTX_free(context);
}

// The edge takes in a part of the record at a time.
TEST_F(TlsTest, RequestsThatCameInOneRecordAreAllAnswered) {
  Start("limits: {head_bytes_max: 1KiB}\n");
  const absl::StatusOr<Connection> connection = Connect();
  ASSERT_TRUE(connection.ok()) << connection.status();
  std::string requests;
  for (int i = 0; i < 200; ++i) {
    requests += "GET /none HTTP/1.1\r\nHost: h\r\n\r\n";
  }
  requests += "GET /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
  ASSERT_TRUE(connection->Send(requests).ok());
  const std::string answers = connection->ReceiveAll(kPatience);
  int count = 0;
  for (size_t at = answers.find("HTTP/1.1 404 "); at != std::string::npos; at = answers.find("HTTP/1.1 404 ", at + 1)) {
    ++count;
  }
  EXPECT_EQ(count, 201);
}

TEST_F(TlsTest, ACertificateIsReplacedWhileStreamsGoOn) {
  Start("", {.name = "first"});
  SseStream reader = OpenStream();
  EXPECT_EQ(NameOnCertificate(), "first");

  system_.WriteCertificate({.name = "second"});
  Reload("ok");
  EXPECT_EQ(NameOnCertificate(), "second");

  // A key that does not belong to it: what was in force stays, and the log says why.
  WriteFile(system_.dir().File("key.pem"), MakeCertificate().key);
  Reload("error");
  EXPECT_THAT(EdgeLog(), HasSubstr("key.pem"));
  EXPECT_THAT(EdgeLog(), HasSubstr("the configuration in force stays"));
  EXPECT_EQ(NameOnCertificate(), "second");

  PublishNumbers("dispatch.a", 1, 3);
  ExpectNumbers(reader, 1, 3);
  EXPECT_EQ(EdgeMetric("weir_edge_streams_closed_total"), 0);
}

TEST_F(TlsTest, AReloadWithTheSameCertificateKeepsTickets) {
  Start();
  const auto connect = [this](SSL_SESSION* ticket) {
    absl::StatusOr<Connection> connection = Connect({.ticket = ticket});
    EXPECT_TRUE(connection.ok()) << connection.status();
    EXPECT_TRUE(connection->Send("GET /none HTTP/1.1\r\nHost: a\r\n\r\n").ok());
    EXPECT_TRUE(connection->Receive(kPatience).ok());  // and the ticket with it
    return *std::move(connection);
  };
  const Connection first = connect(nullptr);
  SSL_SESSION* const ticket = SSL_get1_session(first.tls());
  EXPECT_EQ(SSL_session_reused(connect(ticket).tls()), 1);
  Reload("ok");
  EXPECT_EQ(SSL_session_reused(connect(ticket).tls()), 1);
  EXPECT_EQ(Handshakes("resumed"), 2);
  system_.WriteCertificate();
  Reload("ok");
  EXPECT_EQ(SSL_session_reused(connect(ticket).tls()), 0);
  SSL_SESSION_free(ticket);
}

// Whoever reads until the end can tell it from a connection that was cut.
TEST_F(TlsTest, TheEdgeSaysThatItEnds) {
  Start();
  SseStream reader = OpenStream();
  const absl::StatusOr<Connection> asking = Connect();
  ASSERT_TRUE(asking->Send("GET /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").ok());
  absl::Status end;
  while (end.ok()) {
    end = asking->Receive(kPatience).status();
  }
  EXPECT_TRUE(absl::IsOutOfRange(end)) << end;

  system_.edge().Signal(SIGTERM);
  ExpectDrained(reader);
  end = reader.connection().Receive(kPatience).status();
  EXPECT_TRUE(absl::IsOutOfRange(end)) << end;
  EXPECT_EQ(*system_.edge().Wait(kPatience), 0);
}

TEST_F(TlsTest, AClientThatSaysItEndsIsGone) {
  Start();
  SseStream reader = OpenStream();
  SSL_shutdown(reader.connection().tls());
  EXPECT_TRUE(WaitUntil([this] { return EdgeMetric("weir_edge_streams_closed_total{reason=\"client\"}") == 1; }));
}

TEST_F(TlsTest, AClientMayChangeItsKeysAndNotNegotiateAnew) {
  Start();
  SseStream newest = OpenStream();
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(SSL_key_update(newest.connection().tls(), SSL_KEY_UPDATE_REQUESTED), 1);
    ASSERT_EQ(SSL_do_handshake(newest.connection().tls()), 1);
    PublishNumbers("dispatch.a", i, i);
    ExpectNumbers(newest, i, i);
  }
  const SseStream older = OpenStream({.version_max = TLS1_2_VERSION});
  ASSERT_EQ(SSL_renegotiate(older.connection().tls()), 1);
  EXPECT_NE(SSL_do_handshake(older.connection().tls()), 1);
}

TEST_F(TlsTest, AKeyThatOthersMayReadAndACertificateThatHasEndedAreWarnedOf) {
  WriteFile(system_.edge_config_path(), kYaml);
  const auto check = [this] {
    const CommandResult result =
        RunCommand({BinaryPath("weir-edge"), "--check", "--config", system_.edge_config_path()});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return result.err;
  };
  system_.WriteCertificate();
  EXPECT_EQ(check(), "");
  std::filesystem::permissions(system_.dir().File("key.pem"), std::filesystem::perms(0644));
  EXPECT_THAT(check(), HasSubstr("tls.key: " + system_.dir().File("key.pem") + ": others may read it"));
  system_.WriteCertificate({.days = -1});
  EXPECT_THAT(check(), HasSubstr("tls.certificate: has expired, at 20"));
}

// Of a door to the world without TLS there is a word in the log.
TEST_F(TlsTest, PlainHttpForOtherMachinesIsWarnedOf) {
  WriteFile(system_.edge_config_path(), "routes: [{path: /a, filters: [dispatch.a]}]\n");
  const CommandResult open =
      RunCommand({BinaryPath("weir-edge"), "--check", "--config", system_.edge_config_path(), "--listen", "0.0.0.0:0"});
  EXPECT_EQ(open.exit_code, 0);
  EXPECT_THAT(open.err, HasSubstr("0.0.0.0:0 can be reached from other machines and speaks plain HTTP"));
  const CommandResult closed =
      RunCommand({BinaryPath("weir-edge"), "--check", "--config", system_.edge_config_path(), "--listen", "[::1]:0"});
  EXPECT_EQ(closed.exit_code, 0);
  EXPECT_EQ(closed.err, "");
}

}  // namespace
}  // namespace weir::testing
