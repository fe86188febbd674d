// TLS between the server and its clients (the C++ client, `weir`, the demo's feed), with certificates of
// deploy/dev-certificates: who gets in, who does not, and what happens when certificates are replaced.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "apps/dispatch/v1/dispatch.pb.h"
#include "base/openssl_ptr.h"
#include "tests/integration/grpc_callers.h"

namespace weir::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kUnavailable = 64 + 14;

// Reads the texts of flash messages. Any thread.
class Reader {
 public:
  explicit Reader(Client& client) {
    SubscriberCallbacks callbacks;
    callbacks.on_started = [this](const v1::SubscriptionStarted&) {
      const std::lock_guard lock(mutex_);
      ++started_;
      failures_ = 0;
    };
    callbacks.on_disconnected = [this](const absl::Status&, absl::Duration) {
      const std::lock_guard lock(mutex_);
      ++failures_;
    };
    callbacks.on_events = [this](const v1::EventBatch& batch) {
      const std::lock_guard lock(mutex_);
      for (const v1::Event& event : batch.events()) {
        apps::dispatch::v1::FlashMessage flash;
        event.payload().UnpackTo(&flash);
        texts_.push_back(flash.text());
      }
    };
    subscriber_ = std::make_unique<Subscriber>(client, SubscriberOptions{.filters = {"dispatch.>"}}, callbacks);
  }
  int started() {
    const std::lock_guard lock(mutex_);
    return started_;
  }
  // Attempts in vain since it last began.
  int failures() {
    const std::lock_guard lock(mutex_);
    return failures_;
  }
  std::vector<std::string> texts() {
    const std::lock_guard lock(mutex_);
    return texts_;
  }

 private:
  std::mutex mutex_;
  int started_ = 0;                 // guarded by mutex_
  int failures_ = 0;                // guarded by mutex_
  std::vector<std::string> texts_;  // guarded by mutex_
  std::unique_ptr<Subscriber> subscriber_;
};

// Comes by a session of TLS from before, if it has one, as those whose certificate is no longer good would.
class Resumer {
 public:
  Resumer(int version, const ClientTls& tls) : context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_min_proto_version(context_.get(), version);
    SSL_CTX_set_max_proto_version(context_.get(), version);
    SSL_CTX_use_certificate_file(context_.get(), tls.certificate.c_str(), SSL_FILETYPE_PEM);
    SSL_CTX_use_PrivateKey_file(context_.get(), tls.key.c_str(), SSL_FILETYPE_PEM);
  }

  enum class Entry { kResumed, kAnew, kRefused };
  Entry Come(uint16_t port) {
    const absl::StatusOr<Connection> connection = Connection::Open(port);
    const std::unique_ptr<SSL, openssl::Deleter<SSL_free>> ssl(SSL_new(context_.get()));
    const std::string_view protocol("\x02h2");
    SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(protocol.data()), 3);
    SSL_set_session(ssl.get(), session_.get());
    SSL_set_fd(ssl.get(), connection->fd());
    char byte = 0;  // of the server's settings, before which its tickets come
    if (SSL_connect(ssl.get()) != 1 || SSL_read(ssl.get(), &byte, 1) != 1) {
      return Entry::kRefused;
    }
    session_.reset(SSL_get1_session(ssl.get()));
    SSL_shutdown(ssl.get());  // else OpenSSL does not come by it again
    return SSL_session_reused(ssl.get()) == 1 ? Entry::kResumed : Entry::kAnew;
  }

 private:
  std::unique_ptr<SSL_CTX, openssl::Deleter<SSL_CTX_free>> context_;
  std::unique_ptr<SSL_SESSION, openssl::Deleter<SSL_SESSION_free>> session_;
};

class GrpcTlsTest : public GrpcCallers {
 protected:
  GrpcTlsTest() {
    MakeAuthority("ours");
    MakeAuthority("other");
    InstallServer("ours");
  }
  CommandResult Status(const ClientTls& tls, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> args = {"status"};
    args.insert(args.end(), more.begin(), more.end());
    return WeirAs(tls, args);
  }
  ClientOptions As(const std::string& authority, const std::string& name) const {
    return {.server = system_.grpc_address(), .tls = TlsAs(authority, name)};
  }
  static apps::dispatch::v1::FlashMessage Flash(const std::string& text) {
    apps::dispatch::v1::FlashMessage flash;
    flash.set_text(text);
    return flash;
  }
};

TEST_F(GrpcTlsTest, TheCommandLinePublishesTailsListsAndCopies) {
  StartServer(kMtls);
  const ClientTls tls = TlsAs("ours", "feed");
  const CommandResult published = PublishAs(tls, "hello");
  ASSERT_EQ(published.exit_code, 0) << published.err;
  const CommandResult tailed = WeirAs(tls, {"subscribe", "dispatch.>", "--earliest", "-n", "1", "--wait", "30s"});
  EXPECT_EQ(tailed.exit_code, 0) << tailed.err;
  EXPECT_THAT(tailed.out, HasSubstr("hello"));
  EXPECT_THAT(WeirAs(tls, {"list", kTopic}).out, HasSubstr("hello"));
  EXPECT_EQ(WeirAs(tls, {"schema"}).exit_code, 0);
  const CommandResult copied = WeirAs(tls, {"backup", File("copy")});
  EXPECT_EQ(copied.exit_code, 0) << copied.err;
}

TEST_F(GrpcTlsTest, TheFeedPublishesWithItsCertificateAndWithAToken) {
  StartServer(std::string(kMtls) + kRules);
  WriteFile(File("cars.json"), R"([{"Name": "vw beetle", "Year": "1970-01-01", "Origin": "Europe", "Cylinders": 4,
    "Displacement": 97, "Weight_in_lbs": 1835, "Acceleration": 20.5}])");
  WriteFile(File("token"), system_.Token("feed") + "\n");
  const auto feed = [&](const ClientTls& tls, const std::vector<std::string>& more) {
    std::vector<std::string> argv = {BinaryPath("weir-demo-feed"),
                                     "--server",
                                     system_.grpc_address(),
                                     "--cars",
                                     File("cars.json"),
                                     "--rate",
                                     "100/s",
                                     "--apps",
                                     "vehicles",
                                     "--tls-ca",
                                     tls.ca,
                                     "--tls-certificate",
                                     tls.certificate,
                                     "--tls-key",
                                     tls.key};
    argv.insert(argv.end(), more.begin(), more.end());
    return *Process::Start(argv, File("feed.log"));
  };
  const auto stored = [&] {
    return System::Metric(system_.server_admin_port(), "weir_events_published_total{outcome=\"stored\"}");
  };
  Process by_certificate = feed(TlsAs("ours", "feed"), {});
  EXPECT_TRUE(WaitUntil([&] { return stored() > 0; })) << ReadFile(File("feed.log"));
  by_certificate.Kill();
  ASSERT_TRUE(WaitUntil([&] { return System::Metric(system_.server_admin_port(), "weir_publish_streams") == 0; }));
  const double before = stored();
  Process by_token = feed(TlsAs("ours", "reader"), {"--token-file", File("token")});
  EXPECT_TRUE(WaitUntil([&] { return stored() > before; })) << ReadFile(File("feed.log"));
  by_token.Kill();
  WriteFile(File("token"), "two words");
  Process refused = feed(TlsAs("ours", "reader"), {"--token-file", File("token")});
  EXPECT_EQ(*refused.Wait(kPatience), 2);
  EXPECT_THAT(ReadFile(File("feed.log")), HasSubstr("token: holds no token"));
}

TEST_F(GrpcTlsTest, OthersAreKeptOutAndToldWhatMayBeWrong) {
  StartServer(kMtls);
  ASSERT_EQ(Status(TlsAs("ours", "reader")).exit_code, 0);
  MakeDevCertificates({"--days", "0", File("ours"), "late"});
  const std::string ca = File("ours/ca.crt");
  ClientTls distrusting = TlsAs("ours", "reader");
  distrusting.ca = File("other/ca.crt");
  ClientTls foreign = TlsAs("other", "reader");
  foreign.ca = ca;
  const struct {
    ClientTls tls;
    std::string said;
  } cases[] = {
      {{.ca = ca}, "perhaps the server asks for a certificate, and none is shown"},
      {foreign, "perhaps the server refuses the certificate in " + foreign.certificate},
      {TlsAs("ours", "server"), "perhaps the server refuses the certificate in " + File("ours/server.crt")},
      {TlsAs("ours", "late"), "perhaps the server refuses the certificate in " + File("ours/late.crt")},
      {{}, "perhaps the server speaks TLS, which is not used here"},
      {distrusting, "certificate verify failed; the server's certificate is over, or of none of the authorities in " +
                        distrusting.ca}};
  for (const auto& [tls, said] : cases) {
    const CommandResult result = Status(tls);
    EXPECT_EQ(result.exit_code, kUnavailable) << said << result.out;
    EXPECT_THAT(result.err, HasSubstr(said));
  }
}

TEST_F(GrpcTlsTest, AClientRefusesAServerThatIsCalledOtherwise) {
  const std::string port = absl::StrCat(":", system_.grpc_port());
  StartServer(kMtls, {"--listen", "0.0.0.0" + port});
  EXPECT_THAT(ServerLog(), Not(HasSubstr("insecure")));
  const ClientTls tls = TlsAs("ours", "reader");
  EXPECT_EQ(Status(tls, {"--server", "127.0.0.1" + port}).exit_code, 0);
  EXPECT_EQ(Status(tls, {"--server", "127.0.0.2" + port}).exit_code, kUnavailable);
  MakeDevCertificates({"--host", "127.0.0.2", File("ours"), "server"});
  InstallServer("ours");
  EXPECT_TRUE(WaitUntil([&] { return Status(tls, {"--server", "127.0.0.2" + port}).exit_code == 0; }));
}

TEST_F(GrpcTlsTest, PublishersAndSubscribersGoOnWhenTheServerComesBackWithANewCertificate) {
  StartServer(kMtls);
  Client publishing(As("ours", "feed"));
  Client reading(As("ours", "reader"));
  Reader reader(reading);
  ASSERT_TRUE(WaitUntil([&] { return reader.started() == 1; }));
  Publisher publisher(publishing);
  publisher.Publish({.topic = kTopic, .payload = Flash("before")});
  ASSERT_TRUE(publisher.Flush(absl::Now() + kPatience).ok());

  system_.server().Kill();
  publisher.Publish({.topic = kTopic, .payload = Flash("while it is away")});
  const std::string old = ReadFile(File("ours/server.crt"));
  MakeDevCertificates({File("ours"), "server"});
  ASSERT_NE(ReadFile(File("ours/server.crt")), old);
  InstallServer("ours");
  system_.StartServer({"--config", File("server.yaml")});
  EXPECT_TRUE(publisher.Flush(absl::Now() + kPatience).ok());
  publisher.Publish({.topic = kTopic, .payload = Flash("after")});
  EXPECT_TRUE(WaitUntil([&] { return reader.texts().size() >= 3; }));
  EXPECT_THAT(reader.texts(), ElementsAre("before", "while it is away", "after"));
}

TEST_F(GrpcTlsTest, NewCertificatesOfBothSidesAreTakenOverWhileStreamsGoOn) {
  StartServer(kMtls);
  for (const char* name : {"reader.crt", "reader.key", "ca.crt"}) {
    Install(std::string("ours/") + name, name);
  }
  Client client({.server = system_.grpc_address(),
                 .tls = {.ca = File("ca.crt"), .certificate = File("reader.crt"), .key = File("reader.key")}});
  Reader reader(client);
  ASSERT_TRUE(WaitUntil([&] { return reader.started() == 1; }));

  InstallServer("other");
  for (const char* name : {"reader.key", "reader.crt", "ca.crt"}) {
    Install(std::string("other/") + name, name);
  }
  EXPECT_TRUE(WaitUntil([&] { return Status(TlsAs("other", "reader")).exit_code == 0; }));
  EXPECT_EQ(Status(TlsAs("ours", "reader")).exit_code, kUnavailable) << "of the authority before";
  EXPECT_EQ(PublishAs(TlsAs("other", "feed"), "still here").exit_code, 0);
  EXPECT_TRUE(WaitUntil([&] { return reader.texts().size() == 1; }));
  EXPECT_EQ(reader.started(), 1);
  RestartServer();
  EXPECT_TRUE(WaitUntil([&] { return reader.started() == 2; }));
}

TEST_F(GrpcTlsTest, ACertificateThatCountsNoMoreIsOutWhenItsConnectionHasItsAge) {
  StartServer("tls: {certificate: server.crt, key: server.key, client_ca: clients.crt, connection_age_max: 1s}\n");
  Client publishing(As("ours", "feed"));
  Publisher publisher(publishing);
  Client reading(As("ours", "reader"));
  Reader reader(reading);
  ASSERT_TRUE(WaitUntil([&] { return reader.started() == 1; }));
  // Who is still welcome comes back, and has everything once.
  std::vector<std::string> all;
  ASSERT_TRUE(WaitUntil([&] {
    all.push_back(absl::StrCat(all.size()));
    publisher.Publish({.topic = kTopic, .payload = Flash(all.back())});
    return publisher.Flush(absl::Now() + kPatience).ok() && reader.started() >= 3;
  }));
  EXPECT_TRUE(WaitUntil([&] { return reader.texts().size() == all.size(); }));
  EXPECT_EQ(reader.texts(), all);

  Install("other/ca.crt", "clients.crt");
  EXPECT_TRUE(WaitUntil([&] { return reader.failures() >= 3; })) << "it is still let in";
  EXPECT_TRUE(absl::IsUnavailable(reading.GetStatus(absl::Now() + kPatience).status()));
  const size_t before = reader.texts().size();
  EXPECT_EQ(PublishAs({.ca = File("ours/ca.crt"), .certificate = File("other/feed.crt"), .key = File("other/feed.key")},
                      "not for those who are out")
                .exit_code,
            0);
  EXPECT_TRUE(WaitUntil([&, failed = reader.failures()] { return reader.failures() > failed; }));
  EXPECT_EQ(reader.texts().size(), before);
}

TEST_F(GrpcTlsTest, ASessionOfTlsDoesNotStandForACertificate) {
  StartServer(kMtls);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Resumer resumer(version, TlsAs("ours", "reader"));
    // Within a second it may.
    EXPECT_TRUE(WaitUntil([&] { return resumer.Come(system_.grpc_port()) == Resumer::Entry::kResumed; }));
    EXPECT_TRUE(WaitUntil([&] { return resumer.Come(system_.grpc_port()) == Resumer::Entry::kAnew; }));
  }
}

TEST_F(GrpcTlsTest, CallsThatBeginLaterUseTheCredentialsThatWereSet) {
  StartServer(kMtls);
  Client client(As("ours", "reader"));
  Reader open(client);
  ASSERT_TRUE(WaitUntil([&] { return open.started() == 1; }));
  client.SetCredentials({.ca = File("other/ca.crt")}, nullptr);
  EXPECT_TRUE(absl::IsUnavailable(client.GetStatus(absl::Now() + kPatience).status()));
  client.SetCredentials(TlsAs("ours", "feed"), nullptr);
  EXPECT_TRUE(client.GetStatus(absl::Now() + kPatience).ok());
  EXPECT_EQ(PublishAs(TlsAs("ours", "feed"), "still here").exit_code, 0);
  EXPECT_TRUE(WaitUntil([&] { return open.texts().size() == 1; }));
  EXPECT_EQ(open.started(), 1);
}

TEST_F(GrpcTlsTest, NothingOlderThanTls12IsSpoken) {
  StartServer(kMtls);
  const auto speak = [&](const std::string& version) {
    const CommandResult result =
        RunCommand({"/usr/bin/env", "openssl", "s_client", "-connect", system_.grpc_address(), "-CAfile",
                    File("ours/ca.crt"), "-cert", File("ours/reader.crt"), "-key", File("ours/reader.key"), "-cipher",
                    "DEFAULT@SECLEVEL=0", "-alpn", "h2", version});
    return result.out + result.err;
  };
  EXPECT_THAT(speak("-tls1_2"), HasSubstr("New, TLSv1.2, "));
  EXPECT_THAT(speak("-tls1_3"), HasSubstr("New, TLSv1.3, "));
  EXPECT_THAT(speak("-tls1_1"), HasSubstr("no peer certificate available"));
  EXPECT_THAT(speak("-tls1"), HasSubstr("no peer certificate available"));
}

TEST_F(GrpcTlsTest, CertificatesThatDoNotFitAreSaidAndChangeNothing) {
  StartServer(kMtls);
  const ClientTls tls = TlsAs("ours", "reader");
  ASSERT_EQ(Status(tls).exit_code, 0);
  const auto said = [&](const std::string& what) {
    return WaitUntil([&] {
      EXPECT_EQ(Status(tls).exit_code, 0);  // each try, whatever lies there
      return ServerLog().find(what) != std::string::npos;
    });
  };
  Install("other/server.crt", "server.crt");  // the key is still to come
  EXPECT_TRUE(said("server.key: is not the key of the certificate"));
  std::filesystem::remove(File("server.key"));
  EXPECT_TRUE(said("server.key: cannot be read"));
  WriteFile(File("clients.crt"), "nonsense");
  Install("other/server.key", "server.key");
  EXPECT_TRUE(said("clients.crt: holds no certificate"));
  Install("ours/ca.crt", "clients.crt");
  ClientTls trusting_the_new = tls;
  trusting_the_new.ca = File("other/ca.crt");
  EXPECT_TRUE(WaitUntil([&] { return Status(trusting_the_new).exit_code == 0; }));
  EXPECT_THAT(ServerLog(), Not(HasSubstr("PRIVATE KEY")));
}

// The exit code and stderr of a start that must not succeed.
CommandResult Start(const std::vector<std::string>& more) {
  std::vector<std::string> argv = {BinaryPath("weir-server"), "--engine", "memory", "--admin-listen", "127.0.0.1:0"};
  argv.insert(argv.end(), more.begin(), more.end());
  return RunCommand(argv);
}

TEST_F(GrpcTlsTest, OnOtherAddressesThanLoopbackItStartsWithMtlsOrTheOperatorsWord) {
  const CommandResult open = Start({"--listen", "0.0.0.0:0"});
  EXPECT_EQ(open.exit_code, 2);
  EXPECT_THAT(open.err, HasSubstr("has neither TLS nor authentication"));
  WriteFile(File("half.yaml"), "listen: 0.0.0.0:0\ntls: {certificate: server.crt, key: server.key}\n");
  const CommandResult half = Start({"--config", File("half.yaml")});
  EXPECT_EQ(half.exit_code, 2);
  EXPECT_THAT(half.err, HasSubstr("does not know who calls"));

  system_.StartServer({"--listen", "0.0.0.0:0", "--insecure"});
  const std::string warning = "insecure: gRPC on 0.0.0.0:0 has neither TLS nor authentication";
  EXPECT_THAT(ServerLog(), HasSubstr(warning));
  const absl::StatusOr<Response> ready = Fetch(system_.server_admin_port(), "/readyz");
  ASSERT_TRUE(ready.ok());
  EXPECT_EQ(ready->status, 200);
  EXPECT_THAT(ready->body, HasSubstr(warning));
  system_.server().Kill();

  ASSERT_EQ(::chmod(File("server.key").c_str(), 0644), 0);
  StartServer(kMtls, {"--listen", "0.0.0.0:0"});
  EXPECT_THAT(ServerLog(), HasSubstr("server.key: others may read it"));
  EXPECT_EQ(Fetch(system_.server_admin_port(), "/readyz")->body, "ok\n");
}

TEST_F(GrpcTlsTest, AConfigurationWhoseFilesCannotBeUsedIsRefused) {
  WriteFile(File("bad.yaml"), "tls: {certificate: ours/server.crt, key: ours/edge.key}\n");
  const CommandResult wrong = Start({"--config", File("bad.yaml"), "--check"});
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("bad.yaml:1:"));
  EXPECT_THAT(wrong.err, HasSubstr("edge.key: is not the key of the certificate"));
  const CommandResult client = system_.Weir({"status", "--tls-ca", File("absent"), "--server", "127.0.0.1:1"});
  EXPECT_EQ(client.exit_code, 2);
  EXPECT_THAT(client.err, HasSubstr("absent"));
}

}  // namespace
}  // namespace weir::testing
