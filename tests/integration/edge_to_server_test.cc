// The edge as one of the server's callers: TLS both ways, tokens, rights; what it says when the server will not have
// it, and that its readers notice nothing of new certificates.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/integration/grpc_callers.h"

namespace weir::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kRoutes[] = "routes:\n  - {path: /events, filters: [\"dispatch.>\"], start: earliest}\n";
constexpr char kEdgeMtls[] = "server_tls: {ca: trusted.crt, certificate: edge.crt, key: edge.key}\n";
constexpr char kTls[] = "tls: {certificate: server.crt, key: server.key}\n";
constexpr char kEdgeToken[] = "server_tls: {ca: trusted.crt}\nserver_token_file: token\n";

// With those before, more filters than one subscription can ask for: a reload fails when it is under way.
std::string TooManyRoutes() {
  std::string routes = "routes:\n";
  for (int route = 0; route < 128; ++route) {
    absl::StrAppend(&routes, "  - {path: /r", route, ", filters: [");
    for (int filter = 0; filter < 8; ++filter) {
      absl::StrAppend(&routes, filter == 0 ? "" : ", ", "dispatch.r", route, ".f", filter);
    }
    routes += "]}\n";
  }
  return routes;
}

class EdgeToServerTest : public GrpcCallers {
 protected:
  EdgeToServerTest() {
    MakeAuthority("ours");
    MakeAuthority("other");
    InstallServer("ours");
    InstallEdge("ours");
  }

  // The edge shows that certificate, and trusts its authority.
  void InstallEdge(const std::string& authority, const std::string& name = "edge") const {
    Install(authority + "/" + name + ".key", "edge.key");
    Install(authority + "/" + name + ".crt", "edge.crt");
    Install(authority + "/ca.crt", "trusted.crt");
  }
  void InstallToken(const std::string& token) const {
    WriteFile(File("token.next"), token + "\n");
    std::filesystem::permissions(File("token.next"), std::filesystem::perms(0600));
    std::filesystem::rename(File("token.next"), File("token"));
  }
  void StartEdge(const std::string& connection) {
    WriteFile(system_.edge_config_path(), std::string(kRoutes) + connection);
    system_.StartEdge();
  }
  void ReloadEdge(const std::string& connection, const std::string& said = "reload: taken over",
                  const std::string& routes = kRoutes) {
    WriteFile(system_.edge_config_path(), routes + connection);
    const size_t before = EdgeLog().size();
    const double reloads = EdgeMetric("weir_edge_config_reloads_total");
    system_.edge().Signal(SIGHUP);
    ASSERT_TRUE(WaitUntil([&] { return EdgeMetric("weir_edge_config_reloads_total") > reloads; })) << EdgeLog();
    ASSERT_NE(EdgeLog().find(said, before), std::string::npos) << EdgeLog();
  }
  std::string EdgeLog() const { return ReadFile(File("edge.log")); }
  double EdgeMetric(const std::string& name) const { return System::Metric(system_.edge_admin_port(), name); }
  std::string Readiness() const {
    const absl::StatusOr<Response> ready = Fetch(system_.edge_admin_port(), "/readyz");
    return ready.ok() ? ready->body : ready.status().ToString();
  }
  // The edge says why it is not ready, at /readyz and in its log.
  void ExpectReason(const std::string& reason) {
    EXPECT_TRUE(WaitUntil([&] { return Readiness().find(reason) != std::string::npos; })) << Readiness();
    EXPECT_EQ(Fetch(system_.edge_admin_port(), "/readyz")->status, 503);
    EXPECT_THAT(EdgeLog(), HasSubstr(reason));
  }
  SseStream Open() {
    absl::StatusOr<SseStream> stream = SseStream::Open(system_.http_port(), "/events");
    EXPECT_TRUE(stream.ok()) << stream.status();
    return *std::move(stream);
  }
  // Publishes an event, which comes next.
  void ExpectFlow(SseStream& stream, const std::string& text, const std::string& authority = "ours") {
    const CommandResult published = PublishAs(TlsAs(authority, "feed"), text);
    ASSERT_EQ(published.exit_code, 0) << published.err;
    ExpectNext(stream, text);
  }
  void ExpectNext(SseStream& stream, const std::string& text) const {
    const absl::StatusOr<SseEvent> event = stream.NextNamed("flash_message");
    ASSERT_TRUE(event.ok()) << event.status() << EdgeLog();
    EXPECT_THAT(event->data, HasSubstr(text));
  }
};

TEST_F(EdgeToServerTest, ReadsOverMtlsWhatItsCertificateMay) {
  StartServer(std::string(kMtls) + kRules);
  StartEdge(kEdgeMtls);
  ASSERT_TRUE(system_.WaitReady()) << EdgeLog();
  SseStream stream = Open();
  ExpectFlow(stream, "live");
  SseStream later = Open();
  ExpectNext(later, "live");
  EXPECT_THAT(EdgeLog(), Not(HasSubstr("error")));
}

TEST_F(EdgeToServerTest, ReadsByATokenThatIsReplacedWhileStreamsGoOn) {
  StartServer(std::string(kTls) + kRules);
  const std::string second = system_.Token("edge", {}, "1h");
  const std::string first = system_.Token("edge", {}, "20s");
  InstallToken(first);
  StartEdge(kEdgeToken);
  ASSERT_TRUE(system_.WaitReady()) << EdgeLog();
  SseStream stream = Open();
  const auto publish = [&](const std::string& text) {
    WriteFile(File("feed-token"), system_.Token("feed"));
    return system_.Weir({"publish", "--topic", kTopic, "--type", kFlash, "--tls-ca", File("ours/ca.crt"),
                         "--token-file", File("feed-token"), nlohmann::json{{"text", text}}.dump()});
  };
  ASSERT_EQ(publish("one").exit_code, 0);
  ExpectNext(stream, "one");

  InstallToken(second);
  ASSERT_TRUE(WaitUntil([&] { return EdgeMetric("weir_edge_upstream_connects_total") == 2; })) << EdgeLog();
  EXPECT_THAT(EdgeLog(), HasSubstr("CREDENTIALS_EXPIRED"));
  ASSERT_EQ(publish("two").exit_code, 0);
  ExpectNext(stream, "two");

  // A file in the making: the last good token counts.
  WriteFile(File("token"), "");
  RestartServer();
  ASSERT_TRUE(WaitUntil([&] { return EdgeMetric("weir_edge_upstream_connects_total") == 3; })) << EdgeLog();
  ASSERT_EQ(publish("three").exit_code, 0);
  ExpectNext(stream, "three");
  for (const std::string& token : {first, second}) {
    EXPECT_THAT(EdgeLog(), Not(HasSubstr(token.substr(token.rfind('.')))));
    EXPECT_THAT(Readiness(), Not(HasSubstr(token.substr(token.rfind('.')))));
  }
}

TEST_F(EdgeToServerTest, AnotherServerInAReloadTakesNoTlsFromTheOneThatStays) {
  StartServer(std::string(kTls) + kRules);
  InstallToken(system_.Token("edge"));
  const std::string server = "server: " + system_.grpc_address() + "\n";
  WriteFile(system_.edge_config_path(), kRoutes + server + kEdgeToken);
  absl::StatusOr<Process> edge =
      Process::Start({BinaryPath("weir-edge"), "--config", system_.edge_config_path(), "--listen",
                      absl::StrCat("127.0.0.1:", system_.http_port()), "--admin-listen",
                      absl::StrCat("127.0.0.1:", system_.edge_admin_port())},
                     File("edge.log"));
  ASSERT_TRUE(edge.ok()) << edge.status();
  system_.edge() = *std::move(edge);
  ASSERT_TRUE(system_.WaitReady()) << EdgeLog();
  ReloadEdge("server: 127.0.0.1:9\nserver_token_file: token\n");
  EXPECT_THAT(EdgeLog(), HasSubstr("server_tls, server cannot change without a restart"));
  RestartServer();
  EXPECT_TRUE(WaitUntil([&] { return EdgeMetric("weir_edge_upstream_connects_total") == 2; })) << EdgeLog();
}

TEST_F(EdgeToServerTest, AReloadThatFailsForgetsNoToken) {
  StartServer(std::string(kTls) + kRules);
  InstallToken(system_.Token("edge"));
  StartEdge(kEdgeToken);
  ASSERT_TRUE(system_.WaitReady()) << EdgeLog();
  // A file in the making.
  WriteFile(File("token.next"), system_.Token("edge") + "\n");
  WriteFile(File("token"), "");
  ReloadEdge("server_tls: {ca: trusted.crt}\nserver_token_file: token.next\n", "the configuration in force stays",
             TooManyRoutes());
  EXPECT_THAT(EdgeLog(), HasSubstr("distinct filters together"));
  RestartServer();
  EXPECT_TRUE(WaitUntil([&] { return EdgeMetric("weir_edge_upstream_connects_total") == 2; }, absl::Seconds(45)))
      << EdgeLog();
}

TEST_F(EdgeToServerTest, CertificatesAreReplacedOnBothSidesWhileStreamsGoOn) {
  StartServer(std::string(kMtls) + kRules);
  StartEdge(kEdgeMtls);
  ASSERT_TRUE(system_.WaitReady()) << EdgeLog();
  SseStream stream = Open();
  ExpectFlow(stream, "before");

  InstallServer("other");
  InstallEdge("other");
  ASSERT_TRUE(WaitUntil([&] { return WeirAs(TlsAs("other", "reader"), {"status"}).exit_code == 0; }));
  EXPECT_NE(WeirAs(TlsAs("ours", "reader"), {"status"}).exit_code, 0) << "new connections have the new certificates";
  ExpectFlow(stream, "between", "other");
  EXPECT_EQ(EdgeMetric("weir_edge_upstream_connects_total"), 1) << "the open one goes on";

  RestartServer();
  ASSERT_TRUE(WaitUntil([&] { return EdgeMetric("weir_edge_upstream_connects_total") == 2; })) << EdgeLog();
  ExpectFlow(stream, "after", "other");
}

TEST_F(EdgeToServerTest, OtherFilesAreTakenOverByAReloadWhileTheUpstreamGoesOn) {
  StartServer(std::string(kMtls) + kRules);
  StartEdge(kEdgeMtls);
  ASSERT_TRUE(system_.WaitReady()) << EdgeLog();
  SseStream stream = Open();
  ExpectFlow(stream, "before");
  ReloadEdge("server_tls: {ca: other/ca.crt, certificate: other/edge.crt, key: other/edge.key}\n");
  ExpectFlow(stream, "between");
  EXPECT_EQ(EdgeMetric("weir_edge_upstream_connects_total"), 1) << "the open one goes on";
  InstallServer("other");
  RestartServer();
  ASSERT_TRUE(WaitUntil([&] { return EdgeMetric("weir_edge_upstream_connects_total") == 2; })) << EdgeLog();
  ExpectFlow(stream, "after", "other");

  ReloadEdge("server_tls: {ca: other/ca.crt, certificate: other/edge.crt, key: ours/edge.key}\n",
             "edge.key: is not the key of the certificate in");
  EXPECT_THAT(EdgeLog(), HasSubstr("the configuration in force stays"));
  RestartServer();
  ASSERT_TRUE(WaitUntil([&] { return EdgeMetric("weir_edge_upstream_connects_total") == 3; })) << EdgeLog();
  ExpectFlow(stream, "at last", "other");
}

TEST_F(EdgeToServerTest, AWrongAuthorityIsSaidAndAReloadMendsIt) {
  StartServer(std::string(kMtls) + kRules);
  StartEdge("server_tls: {ca: other/ca.crt, certificate: edge.crt, key: edge.key}\n");
  ExpectReason("certificate verify failed");
  SseStream stream = Open();
  ReloadEdge(kEdgeMtls);
  ASSERT_TRUE(system_.WaitReady()) << EdgeLog();
  ExpectFlow(stream, "mended");
  EXPECT_EQ(Readiness(), "ok\n");
}

TEST_F(EdgeToServerTest, ACertificateThatTheServerRefusesIsSaidAndReplacingItMendsIt) {
  StartServer(std::string(kMtls) + kRules);
  InstallEdge("other");
  Install("ours/ca.crt", "trusted.crt");
  StartEdge(kEdgeMtls);
  ExpectReason("perhaps the server refuses the certificate in " + File("edge.crt"));
  InstallEdge("ours");
  ASSERT_TRUE(system_.WaitReady()) << "without a reload" << EdgeLog();
}

TEST_F(EdgeToServerTest, AMissingRightIsSaidAndAReloadAsksAgainAtOnce) {
  const std::string config = std::string(kMtls) + kRules;
  StartServer(absl::StrReplaceAll(config, {{"dns:edge.weir.internal", "dns:somebody.else"}}));
  StartEdge(kEdgeMtls);
  ExpectReason("the server refuses the subscription: SUBSCRIBE_DENIED: no rule of access names dns:edge.weir.internal");
  ReloadServer(
      absl::StrReplaceAll(config, {{"subscribe: {topics: [\">\"]}", "subscribe: {topics: [\"vehicles.>\"]}"}}));
  ReloadEdge(kEdgeMtls);
  ExpectReason("the caller may not read all of dispatch.>");
  ReloadServer(config);
  ReloadEdge(kEdgeMtls);
  ASSERT_TRUE(system_.WaitReady(absl::Seconds(45))) << "well before the minute is over" << EdgeLog();
  SseStream stream = Open();
  ExpectFlow(stream, "mended");
}

TEST_F(EdgeToServerTest, AReloadThatFailsAsksAgainAtOnceToo) {
  const std::string config = std::string(kMtls) + kRules;
  StartServer(absl::StrReplaceAll(config, {{"dns:edge.weir.internal", "dns:somebody.else"}}));
  StartEdge(kEdgeMtls);
  ExpectReason("SUBSCRIBE_DENIED");
  ReloadServer(config);
  ReloadEdge("server_tls: {ca: ours/ca.crt, certificate: ours/edge.crt, key: ours/edge.key}\n",
             "the configuration in force stays", TooManyRoutes());
  ASSERT_TRUE(system_.WaitReady(absl::Seconds(45))) << "well before the minute is over" << EdgeLog();
}

TEST_F(EdgeToServerTest, FilesThatDoNotFitAreNamedWhenTheConnectionIsLost) {
  StartServer(std::string(kMtls) + kRules);
  StartEdge(kEdgeMtls);
  ASSERT_TRUE(system_.WaitReady()) << EdgeLog();
  SseStream stream = Open();
  Install("other/edge.key", "edge.key");
  ExpectFlow(stream, "the open connection goes on");
  // As long as the files are not looked at, the old ones serve.
  EXPECT_TRUE(WaitUntil([&] {
    RestartServer();
    const double connects = EdgeMetric("weir_edge_upstream_connects_total");
    return !WaitUntil([&] { return EdgeMetric("weir_edge_upstream_connects_total") > connects; }, absl::Seconds(1)) &&
           EdgeLog().find("edge.key: is not the key of the certificate in") != std::string::npos;
  })) << EdgeLog();
  Install("ours/edge.key", "edge.key");
  EXPECT_TRUE(WaitUntil([&] { return EdgeMetric("weir_edge_upstream_connected") == 1; })) << EdgeLog();
  ExpectFlow(stream, "mended");
  EXPECT_THAT(EdgeLog(), Not(HasSubstr("PRIVATE KEY")));
}

}  // namespace
}  // namespace weir::testing
