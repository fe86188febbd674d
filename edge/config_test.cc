#include "edge/config.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/logging.h"
#include "tests/support/certificate.h"

namespace weir::edge {
namespace {

class EdgeConfigTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "weir-config-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    Write("secret.key", "0123456789abcdef0123456789abcdef\n");
    Write("short.key", "short");
    Write("jwks.json", R"({"keys":[{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},{"kty":"none"}]})");
    std::filesystem::create_directory(directory_ + "/page");
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void Write(const std::string& name, std::string_view text) { std::ofstream(directory_ + "/" + name) << text; }

  absl::StatusOr<EdgeConfig> Load(std::string_view yaml, const EdgeOverrides& overrides = {}) {
    Write("edge.yaml", yaml);
    return LoadEdgeConfig(directory_ + "/edge.yaml", overrides, 2);
  }
  // The error without the file's name: `LINE:COLUMN: path: …`.
  std::string ErrorOf(std::string_view yaml, const EdgeOverrides& overrides = {}) {
    const auto config = Load(yaml, overrides);
    EXPECT_FALSE(config.ok()) << yaml;
    EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument) << yaml;
    std::string text(Message(config.status()));
    const std::string file = directory_ + "/edge.yaml:";
    return text.starts_with(file) ? text.substr(file.size()) : text;
  }

  std::string directory_;
};

constexpr std::string_view kRoute = "routes: [{path: /a, filters: [a.b]}]\n";
const std::string kKeys = "auth: {keys: [{algorithm: HS256, file: secret.key}]}\n";

TEST_F(EdgeConfigTest, HasTheDefaultsThatAreWrittenDown) {
  const auto config = Load(kRoute);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->listen.ToString(), "127.0.0.1:8080");
  EXPECT_EQ(config->admin_listen.ToString(), "127.0.0.1:9901");
  EXPECT_EQ(config->server.ToString(), "127.0.0.1:50051");
  EXPECT_EQ(config->threads, 2U);
  EXPECT_EQ(config->log_level, "info");
  EXPECT_EQ(config->tail_bytes_max, 64U << 20U);
  EXPECT_EQ(config->tail_history, absl::Minutes(5));
  EXPECT_EQ(config->auth.verifier, nullptr);
  EXPECT_FALSE(config->static_files.has_value());
  EXPECT_TRUE(config->cors.origins.empty());
  EXPECT_EQ(config->limits.connections_max, 100'000U);
  EXPECT_EQ(config->limits.head_bytes_max, 16U * 1024);
  EXPECT_EQ(config->limits.head_timeout, absl::Seconds(10));
  EXPECT_EQ(config->limits.keep_alive_timeout, absl::Seconds(60));
  EXPECT_EQ(config->limits.send_buffer_bytes, 256U * 1024);
  EXPECT_EQ(config->limits.slow_reader_timeout, absl::Seconds(60));
  EXPECT_EQ(config->limits.history_reads_max, 64U);
  EXPECT_EQ(config->limits.answer_bytes_max, 256U << 20U);
  EXPECT_EQ(config->drain_window, absl::Seconds(5));
  EXPECT_EQ(config->drain_retry_max, absl::Seconds(5));
}

TEST_F(EdgeConfigTest, SaysWhichKeysOfASetAreIgnored) {
  const auto config = Load(std::string(kRoute) + "auth: {keys: [{file: jwks.json}]}\n");
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_EQ(config->auth.warnings.size(), 1u);
  EXPECT_NE(config->auth.warnings[0].find("jwks.json: keys[1]: its \"kty\""), std::string::npos);
}

TEST_F(EdgeConfigTest, TakesProvidersAndSetsOfKeys) {
  const auto config = Load(std::string(kRoute) + R"(
auth:
  providers:
    - {issuer: "https://a", audiences: [weir], keys: [{file: jwks.json}]}
    - {issuer: "https://b", keys: [{algorithm: HS256, file: secret.key, id: b1}]}
    - {issuer: "https://c", jwks_url: "https://c/keys"}
    - {issuer: "https://d", jwks_url: "https://d/keys", jwks_age_max: 1h}
  stream_age_max: 12h
)");
  ASSERT_TRUE(config.ok()) << config.status();
  const JwtVerifierOptions& options = config->auth.verifier->options();
  EXPECT_NE(options.verified, nullptr);
  ASSERT_EQ(options.providers.size(), 4u);
  ASSERT_EQ(config->auth.jwks->sources().size(), 2u);
  EXPECT_EQ(config->auth.jwks->sources()[0].age_max, absl::Hours(72));
  EXPECT_EQ(config->auth.jwks->sources()[1].age_max, absl::Hours(1));
  EXPECT_EQ(options.providers[0].keys.size(), 1u);
  EXPECT_EQ(options.providers[1].keys[0].id(), "b1");
  EXPECT_TRUE(options.keys.empty());
  EXPECT_EQ(config->auth.stream_age_max, absl::Hours(12));
}

TEST_F(EdgeConfigTest, WarnsOfFiltersWhereTwoIssuersMayCallTwoPeopleByOneName) {
  const auto warnings = [&](const std::string& route, const std::string& issuers) {
    const auto config =
        Load(fmt::format("routes: [{{path: /r, auth: required, {}}}]\nauth: {{issuers: [{}], keys: [{{algorithm: "
                         "HS256, file: secret.key}}]}}\n",
                         route, issuers));
    EXPECT_TRUE(config.ok()) << config.status();
    return config.ok() ? config->auth.warnings : std::vector<std::string>();
  };
  const std::string mine = R"(filters: ["users.{jwt.sub}.>"])";
  const std::vector<std::string> warned = warnings(mine, "a, b");
  ASSERT_EQ(warned.size(), 1U);
  EXPECT_NE(warned[0].find("edge.yaml:1:"), std::string::npos) << warned[0];
  EXPECT_NE(warned[0].find("routes[0].filters: have claims of tokens of 2 issuers"), std::string::npos) << warned[0];
  EXPECT_TRUE(warnings(mine, "a").empty());
  EXPECT_TRUE(warnings(mine + ", require: {iss: a}", "a, b").empty());
  EXPECT_TRUE(warnings(R"(filters: ["users.{jwt.iss|token}.{jwt.sub}.>"])", "a, b").empty());
  EXPECT_TRUE(warnings(R"(filters: ["news.>"])", "a, b").empty());
}

TEST_F(EdgeConfigTest, TakesEverySetting) {
  const auto config = Load(std::string(kRoute) + R"(
listen: 0.0.0.0:0
admin_listen: "[::1]:1"
server: weir.internal:50051
threads: 3
log_level: debug
tail: {bytes_max: 2MiB, history: 0s}
auth:
  keys: [{algorithm: HS256, file: secret.key, id: k1}]
  issuers: [me]
  audiences: [you]
  leeway: 0s
  token_lifetime_max: 1h
  revocations_max: 7
static: {directory: page, prefix: /pages, content_security_policy: "default-src 'none'"}
cors: {origins: ["https://app.example.com"], credentials: true}
limits:
  connections_max: 10
  head_bytes_max: 1KiB
  head_timeout: 1s
  keep_alive_timeout: 1h
  send_buffer_bytes: 4KiB
  slow_reader_timeout: 5s
  history_reads_max: 1
  answer_bytes_max: 1MiB
  attempts_per_minute: 60
  polls_per_minute: 61
  websocket_messages_per_minute: 62
  connects_per_minute: 62
  connections_per_address: 63
  connections_per_principal: 64
trusted_proxies: [10.0.0.0/8, "::1"]
hosts: [app.example.com, "*.weir.example"]
proxy_protocol: true
drain: {window: 0s, retry_max: 0s}
)");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->listen.ToString(), "0.0.0.0:0");
  EXPECT_EQ(config->admin_listen.ToString(), "[::1]:1");
  EXPECT_EQ(config->server.ToString(), "weir.internal:50051");
  EXPECT_EQ(config->threads, 3U);
  EXPECT_EQ(config->log_level, "debug");
  EXPECT_EQ(config->tail_bytes_max, 2U << 20U);
  EXPECT_EQ(config->tail_history, absl::ZeroDuration());
  EXPECT_NE(config->auth.verifier, nullptr);
  EXPECT_EQ(config->auth.leeway, absl::ZeroDuration());
  EXPECT_EQ(config->auth.verifier->options().lifetime_max, absl::Hours(1));
  EXPECT_EQ(config->auth.revocations_max, 7);
  EXPECT_EQ(config->static_files->directory, directory_ + "/page");
  EXPECT_EQ(config->static_files->prefix, "/pages/");
  EXPECT_EQ(config->static_files->content_security_policy, "default-src 'none'");
  EXPECT_TRUE(config->cors.origins.contains("https://app.example.com"));
  EXPECT_TRUE(config->cors.credentials);
  EXPECT_EQ(config->limits.connections_max, 10U);
  EXPECT_EQ(config->limits.head_bytes_max, 1024U);
  EXPECT_EQ(config->limits.head_timeout, absl::Seconds(1));
  EXPECT_EQ(config->limits.keep_alive_timeout, absl::Hours(1));
  EXPECT_EQ(config->limits.send_buffer_bytes, 4096U);
  EXPECT_EQ(config->limits.history_reads_max, 1U);
  EXPECT_EQ(config->limits.answer_bytes_max, 1U << 20U);
  EXPECT_EQ(config->limits.attempts_per_minute, 60U);
  EXPECT_EQ(config->limits.polls_per_minute, 61U);
  EXPECT_EQ(config->limits.websocket_messages_per_minute, 62U);
  EXPECT_EQ(config->limits.connects_per_minute, 62U);
  EXPECT_EQ(config->limits.connections_per_address, 63U);
  EXPECT_EQ(config->limits.connections_per_principal, 64U);
  EXPECT_EQ(config->trusted_proxies, (Networks{*Network::Parse("10.0.0.0/8"), *Network::Parse("::1")}));
  EXPECT_TRUE(config->proxy_protocol);
  EXPECT_EQ(config->hosts, (std::vector<std::string>{"app.example.com", "*.weir.example"}));
  EXPECT_EQ(config->drain_window, absl::ZeroDuration());
  EXPECT_EQ(config->drain_retry_max, absl::ZeroDuration());
}

TEST_F(EdgeConfigTest, AnEmptyPolicyIsNoneAndAnAbsentOneTheDefault) {
  const std::string page = std::string(kRoute) + "static: {directory: page";
  EXPECT_EQ(Load(page + ", content_security_policy: ''}\n")->static_files->content_security_policy, "");
  EXPECT_EQ(Load(page + "}\n")->static_files->content_security_policy, kDefaultContentSecurityPolicy);
  EXPECT_TRUE(Load(page + ", content_security_policy: " + std::string(4096, 'a') + "}\n").ok());
}

TEST_F(EdgeConfigTest, SaysWhereAndWhatIsWrong) {
  const std::pair<std::string, std::string_view> cases[] = {
      {"listen: nowhere\n", "2:9: listen: "},
      {"listen: 1.2.3.4:70000\n", "2:9: listen: "},
      {"admin_listen: \":1\"\n", "2:15: admin_listen: "},
      {"server: x\n", "2:9: server: "},
      {"threads: 65\n", "2:10: threads: is 65; allowed is 1 to 64"},
      {"threads: -1\n", "2:10: threads: "},
      {"log_level: loud\n", "2:12: log_level: "},
      {"unknown: 1\n", "2:1: unknown: "},
      {"tail: {bytes_max: 1KiB}\n", "2:19: tail.bytes_max: is 1024; allowed is 1048576 to "},
      {"tail: {history: 25h}\n", "2:17: tail.history: is 25h; allowed is 0 to 24h"},
      {"limits: {connections_max: 20000000}\n", "2:27: limits.connections_max: "},
      {"limits: {head_bytes_max: 1000}\n", "2:26: limits.head_bytes_max: is 1000; allowed is 1024 to 65536"},
      {"limits: {head_bytes_max: 65KiB}\n", "2:26: limits.head_bytes_max: "},
      {"limits: {head_timeout: 500ms}\n", "2:24: limits.head_timeout: is 500ms; allowed is 1s to 5m"},
      {"limits: {head_timeout: 6m}\n", "2:24: limits.head_timeout: "},
      {"limits: {keep_alive_timeout: 0s}\n", "2:30: limits.keep_alive_timeout: "},
      {"limits: {keep_alive_timeout: 2h}\n", "2:30: limits.keep_alive_timeout: "},
      {"limits: {send_buffer_bytes: 1}\n", "2:29: limits.send_buffer_bytes: "},
      {"limits: {send_buffer_bytes: 17MiB}\n", "2:29: limits.send_buffer_bytes: "},
      {"limits: {slow_reader_timeout: 0s}\n", "2:31: limits.slow_reader_timeout: "},
      {"limits: {history_reads_max: 1025}\n", "2:29: limits.history_reads_max: "},
      {"limits: {answer_bytes_max: 1}\n", "2:28: limits.answer_bytes_max: "},
      {"limits: {attempts_per_minute: 10000001}\n", "2:31: limits.attempts_per_minute: "},
      {"limits: {connections_per_address: 10000001}\n", "2:35: limits.connections_per_address: "},
      {"trusted_proxies: [10.0.0.1/8]\n", "2:19: trusted_proxies[0]: is \"10.0.0.1/8\"; allowed is a network"},
      {"trusted_proxies: [10.0.0.1, all]\n", "2:29: trusted_proxies[1]: is \"all\""},
      {"proxy_protocol: true\n", "2:17: proxy_protocol: is true, and trusted_proxies names nobody"},
      {"hosts: [a, \"https://a\"]\n", "2:12: hosts[1]: is \"https://a\"; allowed is a name"},
      {"drain: {window: 11m}\n", "2:17: drain.window: "},
      {"drain: {retry_max: 11m}\n", "2:20: drain.retry_max: "},
      {"auth: {}\n", "2:7: auth.keys: is empty; needed is at least one of auth.keys or auth.providers"},
      {"auth: {keys: [{file: secret.key}]}\n", "2:22: auth.keys[0].file: "},
      {"auth: {providers: [{keys: [{file: jwks.json}]}]}\n", "2:20: auth.providers[0].issuer: has 0 bytes"},
      {"auth: {providers: [{issuer: a}]}\n", "2:20: auth.providers[0].keys: needed is either"},
      {"auth: {providers: [{issuer: a, keys: [{file: jwks.json}], jwks_url: \"https://a/\"}]}\n",
       "2:38: auth.providers[0].keys: needed is either"},
      {"auth: {providers: [{issuer: a, jwks_url: \"http://a/\"}]}\n",
       "2:42: auth.providers[0].jwks_url: is \"http://a/\""},
      {"auth: {providers: [{issuer: a, jwks_url: \"https://u:p@a/\"}]}\n", "2:42: auth.providers[0].jwks_url: is "},
      {"auth: {providers: [{issuer: a, jwks_url: \"file:///etc/passwd\"}]}\n", "2:42: auth.providers[0].jwks_url: is "},
      {"auth: {providers: [{issuer: a, jwks_url: \"https://a/\", jwks_age_max: 9m}]}\n",
       "2:70: auth.providers[0].jwks_age_max: is 9m; allowed is 10m to"},
      {"auth: {providers: [{issuer: a, keys: [{file: jwks.json}], jwks_age_max: 1h}]}\n",
       "2:73: auth.providers[0].jwks_age_max: needs jwks_url"},
      {"auth: {keys: [{file: jwks.json}], ticket_keys: [short.key]}\n",
       "2:48: auth.ticket_keys: the secret has 5 bytes"},
      {"auth: {keys: [{file: jwks.json}], ticket_keys: [none.key]}\n", "2:49: auth.ticket_keys[0]: "},
      {"auth: {issuers: [a], providers: [{issuer: a, keys: [{file: jwks.json}]}]}\n",
       "2:43: auth.providers[0].issuer: is \"a\", which is named twice"},
      {"auth: {keys: [{file: jwks.json, id: k}]}\n", "2:22: auth.keys[0].file: "},
      {"auth: {keys: [{file: jwks.json, algorithm: EdDSA}]}\n", "2:22: auth.keys[0].file: "},
      {"auth: {keys: [{file: jwks.json}], stream_age_max: 0s}\n", "2:51: auth.stream_age_max: is 0; allowed is 1s to"},
      {"auth: {keys: [{algorithm: none, file: secret.key}]}\n", "2:27: auth.keys[0].algorithm: is \"none\""},
      {"auth: {keys: [{algorithm: HS256}]}\n", "2:15: auth.keys[0].file: is required"},
      {"auth: {keys: [{algorithm: HS256, file: missing.key}]}\n", "2:40: auth.keys[0].file: "},
      {"auth: {keys: [{algorithm: HS256, file: short.key}]}\n", "2:40: auth.keys[0].file: "},
      {"auth: {keys: [{algorithm: ES256, file: secret.key}]}\n", "2:40: auth.keys[0].file: "},
      {"auth: {keys: [{algorithm: HS256, file: secret.key}], leeway: 6m}\n",
       "2:62: auth.leeway: is 6m; allowed is 0 to 5m"},
      {"auth: {keys: [{algorithm: HS256, file: secret.key}], token_lifetime_max: 30s}\n",
       "2:74: auth.token_lifetime_max: is 30s; allowed is 1m to 87600h"},
      {"auth: {keys: [{algorithm: HS256, file: secret.key}], revocations_max: 10000001}\n",
       "2:71: auth.revocations_max: is 10000001; allowed is 1 to 10000000"},
      {"static: {}\n", "2:9: static.directory: is required"},
      {"static: {directory: missing}\n", "2:21: static.directory: "},
      {"static: {directory: secret.key}\n", "2:21: static.directory: "},
      {"static: {directory: page, prefix: pages}\n", "2:35: static.prefix: "},
      {"static: {directory: page, content_security_policy: \"a\\r\\nSet-Cookie: b\"}\n",
       "2:52: static.content_security_policy: has 16 bytes; allowed is one line"},
      {"static: {directory: page, content_security_policy: grüße}\n", "2:52: static.content_security_policy: "},
      {"static: {directory: page, content_security_policy: " + std::string(4097, 'a') + "}\n",
       "2:52: static.content_security_policy: has 4097 bytes; "},
      {"tls: {}\n", "2:6: tls.certificate: is required"},
      {"tls: {certificate: cert.pem}\n", "2:6: tls.key: is required"},
      {"tls: {certificate: missing.pem, key: secret.key}\n", "2:6: tls: the certificate "},
      {"tls: {certificate: secret.key, key: secret.key}\n", "2:6: tls: the certificate "},
      {"server_tls: {}\n", "2:13: server_tls.ca: is required"},
      {"server_tls: {ca: missing.pem}\n", "2:13: server_tls: /"},
      {"server_tls: {ca: secret.key}\n", "2:13: server_tls: /"},
      {"server_token_file: missing\n", "2:20: server_token_file: /"},
      {"server_token_file: jwks.json\nserver: 10.0.0.1:1\n",
       "2:20: server_token_file: needs server_tls: a token is not sent to 10.0.0.1:1 without TLS"},
      {"cors: {}\n", "2:7: cors.origins: is empty"},
      {"cors: {origins: [\"*\"]}\n", "2:18: cors.origins[0]: is \"*\""},
      {"cors: {origins: [\"https://a/\"]}\n", "2:18: cors.origins[0]: "},
      {"cors: {origins: [\"https://*.example.com\"]}\n", "2:18: cors.origins[0]: "},
  };
  for (const auto& [yaml, start] : cases) {
    const std::string error = ErrorOf(std::string(kRoute) + yaml);
    EXPECT_EQ(error.substr(0, start.size()), start) << yaml << error;
  }
}

TEST_F(EdgeConfigTest, ReadsTheCertificateBesideTheFile) {
  const weir::testing::Certificate made = weir::testing::MakeCertificate();
  Write("cert.pem", made.certificate);
  Write("key.pem", made.key);
  const auto config = Load(std::string(kRoute) + "tls: {certificate: cert.pem, key: key.pem}\n");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_NE(config->tls, nullptr);
  EXPECT_EQ(Load(kRoute)->tls, nullptr);
}

TEST_F(EdgeConfigTest, ReadsWhatTheServerIsShown) {
  const weir::testing::Certificate made = weir::testing::MakeCertificate();
  Write("cert.pem", made.certificate);
  Write("key.pem", made.key);
  Write("token", "abc.def\n");
  ASSERT_TRUE(SetUpLogging("").ok());
  ::testing::internal::CaptureStderr();
  const auto config = Load(std::string(kRoute) +
                           "server: 10.0.0.1:1\nserver_tls: {ca: cert.pem, certificate: cert.pem, key: key.pem}\n"
                           "server_token_file: token\n");
  const std::string said = ::testing::internal::GetCapturedStderr();
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->server_tls, (TlsFiles{.certificate = directory_ + "/cert.pem",
                                          .key = directory_ + "/key.pem",
                                          .ca = directory_ + "/cert.pem"}));
  EXPECT_EQ(config->server_token_file, directory_ + "/token");
  EXPECT_NE(said.find("server_tls: " + directory_ + "/key.pem: others may read it"), std::string::npos) << said;
  EXPECT_NE(said.find("server_token_file: " + directory_ + "/token: others may read it"), std::string::npos) << said;
  EXPECT_EQ(said.find("abc.def"), std::string::npos);

  ::testing::internal::CaptureStderr();
  EXPECT_TRUE(Load(std::string(kRoute) + "server: 10.0.0.1:1\n").ok());
  EXPECT_NE(::testing::internal::GetCapturedStderr().find("no TLS is spoken with it"), std::string::npos);
}

TEST_F(EdgeConfigTest, NeedsKeysForRoutesThatAskForAToken) {
  EXPECT_EQ(ErrorOf("routes: [{path: /a, filters: [a.b], require: {a: 1}}]\n").find("1:46: routes[0].require: "), 0U);
  const std::string route = "routes: [{path: /a, filters: [a.b], auth: required}]\n";
  EXPECT_EQ(ErrorOf(route).find("1:43: routes[0].auth: is `required`"), 0U) << ErrorOf(route);
  EXPECT_TRUE(Load(kKeys + route).ok());
}

TEST_F(EdgeConfigTest, WarnsOfAKeyThatOthersMayRead) {
  ASSERT_TRUE(SetUpLogging("").ok());
  const auto warning = [&](std::filesystem::perms mode) {
    std::filesystem::permissions(directory_ + "/secret.key", mode);
    ::testing::internal::CaptureStderr();
    EXPECT_TRUE(
        Load("auth: {keys: [{algorithm: HS256, file: secret.key}]}\nroutes: [{path: /a, filters: [a]}]\n").ok());
    return ::testing::internal::GetCapturedStderr();
  };
  EXPECT_EQ(warning(std::filesystem::perms(0600)), "");
  const std::string said = warning(std::filesystem::perms(0644));
  EXPECT_NE(said.find(directory_ + "/secret.key: others may read it"), std::string::npos) << said;
  EXPECT_EQ(said.find("0123456789abcdef"), std::string::npos);
}

TEST_F(EdgeConfigTest, WarnsOfAJwkSetWithPrivateKeysThatOthersMayRead) {
  ASSERT_TRUE(SetUpLogging("").ok());
  const auto warning = [&](const std::string& more) {
    Write("ec.json", R"({"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                         "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0")" +
                         more + "}]}");
    ::testing::internal::CaptureStderr();
    EXPECT_TRUE(Load("auth: {keys: [{file: ec.json}]}\nroutes: [{path: /a, filters: [a]}]\n").ok());
    return ::testing::internal::GetCapturedStderr();
  };
  EXPECT_EQ(warning(""), "");
  const std::string said = warning(R"(,"d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI")");
  EXPECT_NE(said.find("ec.json: others may read it"), std::string::npos) << said;
  EXPECT_EQ(said.find("jpsQ"), std::string::npos);
}

TEST_F(EdgeConfigTest, AnOverrideWinsAndIsNamedInErrors) {
  EdgeOverrides overrides;
  overrides.values = {{"listen", "127.0.0.1:1", "WEIR_EDGE_LISTEN"},
                      {"listen", "127.0.0.1:2", "--listen"},
                      {"admin_listen", "127.0.0.1:3", "--admin-listen"},
                      {"server", "127.0.0.1:4", "--server"},
                      {"threads", "5", "--threads"},
                      {"log_level", "error", "--log-level"},
                      {"static.directory", directory_ + "/page", "--static"}};
  const auto config = Load(std::string(kRoute) + "listen: 127.0.0.1:9\n", overrides);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->listen.port, 2);
  EXPECT_EQ(config->admin_listen.port, 3);
  EXPECT_EQ(config->server.port, 4);
  EXPECT_EQ(config->threads, 5U);
  EXPECT_EQ(config->log_level, "error");
  EXPECT_EQ(config->static_files->directory, directory_ + "/page");
  for (const auto& [field, text] : {std::pair<std::string, std::string>{"listen", "x"},
                                    {"threads", "0"},
                                    {"threads", "65"},
                                    {"threads", "two"},
                                    {"threads", "-1"},
                                    {"server", ":"},
                                    {"admin_listen", "1"},
                                    {"log_level", "x"},
                                    {"listen", ""},
                                    {"static.directory", "/no/such/directory"}}) {
    EdgeOverrides bad;
    bad.values = {{field, text, "--flag"}};
    const std::string error = ErrorOf(kRoute, bad);
    EXPECT_EQ(error.find("--flag: "), 0U) << error;
    EXPECT_EQ(error.find(field + ":"), std::string::npos) << error;
  }
}

TEST_F(EdgeConfigTest, SaysWhenThereIsNoFile) {
  EXPECT_EQ(LoadEdgeConfig(directory_ + "/none.yaml", {}, 1).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(EdgeConfigTest, ARunningEdgeKeepsWhatNeedsARestart) {
  const auto running = Load(kRoute);
  ASSERT_TRUE(running.ok()) << running.status();
  EdgeConfig same = *running;
  EXPECT_TRUE(KeepFixed(*running, same).empty());
  auto next = Load(R"(
listen: 127.0.0.1:1
admin_listen: 127.0.0.1:2
server: 127.0.0.1:3
threads: 7
log_level: debug
tail: {bytes_max: 2MiB, history: 1s}
limits: {connections_max: 5, send_buffer_bytes: 8KiB, slow_reader_timeout: 2s, history_reads_max: 3}
routes: [{path: /b, filters: [a.b]}]
)");
  ASSERT_TRUE(next.ok()) << next.status();
  EXPECT_EQ(KeepFixed(*running, *next),
            (std::vector<std::string_view>{"listen", "admin_listen", "server", "threads", "tail.bytes_max",
                                           "tail.history", "limits.send_buffer_bytes", "limits.slow_reader_timeout",
                                           "limits.history_reads_max"}));
  EXPECT_EQ(next->listen, running->listen);
  EXPECT_EQ(next->limits.history_reads_max, running->limits.history_reads_max);
  EXPECT_EQ(next->limits.connections_max, 5U);
  EXPECT_EQ(next->log_level, "debug");
}

// Only one of this machine is shown a token without TLS; the one that is called may be another's.
TEST_F(EdgeConfigTest, WhatIsShownToAnotherServerIsNotShownToTheOneThatStays) {
  Write("token", "word\n");
  std::filesystem::permissions(directory_ + "/token", std::filesystem::perms(0600));
  EdgeConfig running;
  running.server = {"weir.internal", 50051};
  running.server_tls.ca = "ca.crt";
  running.server_token_file = "other-token";
  auto next = Load(std::string(kRoute) + "server: 127.0.0.1:50051\nserver_token_file: token\n");
  ASSERT_TRUE(next.ok()) << next.status();
  const std::vector<std::string_view> kept = KeepFixed(running, *next);
  for (const std::string_view key : {"server", "server_tls", "server_token_file"}) {
    EXPECT_NE(std::find(kept.begin(), kept.end(), key), kept.end()) << key;
  }
  EXPECT_EQ(next->server, running.server);
  EXPECT_EQ(next->server_tls, running.server_tls);
  EXPECT_EQ(next->server_token_file, running.server_token_file);

  running.server = {"127.0.0.1", 50051};
  next = Load(std::string(kRoute) + "server_token_file: token\n");
  ASSERT_TRUE(next.ok()) << next.status();
  KeepFixed(running, *next);
  EXPECT_EQ(next->server_tls, TlsFiles()) << "both change with the address as it is";
  EXPECT_EQ(next->server_token_file, directory_ + "/token");
}

}  // namespace
}  // namespace weir::edge
