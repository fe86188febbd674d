#include "server/config.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/jwt_test_keys.h"

namespace weir::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Variables = std::map<std::string, std::string>;

std::variant<Settings, Exit> Read(const std::vector<std::string>& arguments, const Variables& variables = {}) {
  return ReadSettings(arguments, [&variables](const std::string& name) {
    const auto it = variables.find(name);
    return it == variables.end() ? std::string() : it->second;
  });
}

Settings Good(const std::vector<std::string>& arguments, const Variables& variables = {}) {
  const std::variant<Settings, Exit> read = Read(arguments, variables);
  if (const Exit* exit = std::get_if<Exit>(&read)) {
    ADD_FAILURE() << exit->text;
    return {};
  }
  return std::get<Settings>(read);
}

// What is said to someone who made a mistake.
std::string Mistake(const std::vector<std::string>& arguments, const Variables& variables = {}) {
  const std::variant<Settings, Exit> read = Read(arguments, variables);
  const Exit* exit = std::get_if<Exit>(&read);
  if (exit == nullptr) {
    ADD_FAILURE() << "accepted";
    return {};
  }
  EXPECT_EQ(exit->code, 2);
  EXPECT_THAT(exit->text, testing::StartsWith("weir-server: "));
  return exit->text;
}

class ConfigFileTest : public ::testing::Test {
 protected:
  ~ConfigFileTest() override { std::filesystem::remove(path_); }

  std::string Write(const std::string& text) const {
    std::ofstream(path_) << text;
    return path_;
  }

 private:
  const std::string path_ = fmt::format("{}weir-server-config-{}.yaml", ::testing::TempDir(), getpid());
};

TEST(Settings, HaveDefaults) {
  const Settings settings = Good({"--data-dir", "/data"});
  EXPECT_EQ(settings.listen.ToString(), "127.0.0.1:50051");
  EXPECT_EQ(settings.admin_listen.ToString(), "127.0.0.1:9902");
  EXPECT_FALSE(settings.memory);
  EXPECT_EQ(settings.data_dir, "/data");
  EXPECT_TRUE(settings.sync);
  EXPECT_EQ(settings.retention_age, absl::Hours(168));
  EXPECT_EQ(settings.retention_bytes_max, uint64_t{8} << 30);
  EXPECT_EQ(settings.retention_check_interval, absl::Seconds(10));
  EXPECT_EQ(settings.event_bytes_max, 1u << 20);
  EXPECT_EQ(settings.publish_queue_events_max, 65'536u);
  EXPECT_EQ(settings.publish_queue_bytes_max, 64u << 20);
  EXPECT_EQ(settings.publish_streams_max, 1'024u);
  EXPECT_EQ(settings.subscriptions_max, 1'024u);
  EXPECT_EQ(settings.tail_bytes_max, 64u << 20);
  EXPECT_EQ(settings.grpc_bytes_max, 512u << 20);
  EXPECT_EQ(settings.connections_max, 4'096u);
  EXPECT_EQ(settings.connections_per_address, 1'024u);
  EXPECT_EQ(settings.free_space_bytes_min, 256u << 20);
  EXPECT_EQ(settings.idempotence_events_max, 2'097'152u);
  EXPECT_EQ(settings.idempotence_age, absl::Hours(24));
  EXPECT_EQ(settings.log_level, "info");
  EXPECT_FALSE(settings.exposed);
  EXPECT_FALSE(settings.check);
}

TEST(Settings, ComeFromFlags) {
  const Settings settings = Good({"--listen",
                                  "0.0.0.0:1",
                                  "--insecure",
                                  "--admin-listen",
                                  "[::1]:2",
                                  "--engine",
                                  "memory",
                                  "--sync",
                                  "never",
                                  "--data-dir",
                                  "d",
                                  "--descriptors",
                                  "a",
                                  "b",
                                  "--retention-age",
                                  "1h30m",
                                  "--retention-bytes",
                                  "64KiB",
                                  "--log-level",
                                  "debug",
                                  "--check"});
  EXPECT_EQ(settings.listen.ToString(), "0.0.0.0:1");
  EXPECT_EQ(settings.admin_listen.ToString(), "[::1]:2");
  EXPECT_TRUE(settings.exposed);
  EXPECT_TRUE(settings.memory);
  EXPECT_FALSE(settings.sync);
  EXPECT_EQ(settings.data_dir, "d");
  EXPECT_THAT(settings.descriptor_sets, ElementsAre("a", "b"));
  EXPECT_EQ(settings.retention_age, absl::Minutes(90));
  EXPECT_EQ(settings.retention_bytes_max, 65'536u);
  EXPECT_EQ(settings.log_level, "debug");
  EXPECT_TRUE(settings.check);
}

TEST(Settings, ComeFromTheEnvironmentUnlessAFlagSaysOtherwise) {
  const Variables variables = {{"WEIR_SERVER_LISTEN", "0.0.0.0:1"},
                               {"WEIR_SERVER_INSECURE", "true"},
                               {"WEIR_SERVER_ADMIN_LISTEN", "127.0.0.1:2"},
                               {"WEIR_SERVER_ENGINE", "memory"},
                               {"WEIR_SERVER_SYNC", "never"},
                               {"WEIR_SERVER_DATA_DIR", "d"},
                               {"WEIR_SERVER_DESCRIPTORS", "a:b"},
                               {"WEIR_SERVER_RETENTION_AGE", "0s"},
                               {"WEIR_SERVER_RETENTION_BYTES", "0"},
                               {"WEIR_SERVER_LOG_LEVEL", "error"}};
  const Settings settings = Good({}, variables);
  EXPECT_EQ(settings.listen.ToString(), "0.0.0.0:1");
  EXPECT_TRUE(settings.exposed);
  EXPECT_EQ(settings.admin_listen.ToString(), "127.0.0.1:2");
  EXPECT_TRUE(settings.memory);
  EXPECT_FALSE(settings.sync);
  EXPECT_EQ(settings.data_dir, "d");
  EXPECT_THAT(settings.descriptor_sets, ElementsAre("a", "b"));
  EXPECT_EQ(settings.retention_age, absl::ZeroDuration());
  EXPECT_EQ(settings.retention_bytes_max, 0u);
  EXPECT_EQ(settings.log_level, "error");
  EXPECT_EQ(Good({"--listen", "127.0.0.1:7", "--descriptors", "c"}, variables).listen.port, 7);
  EXPECT_THAT(Good({"--descriptors", "c"}, variables).descriptor_sets, ElementsAre("c"));
}

TEST(Settings, FlagsThatAreWrongAreNamed) {
  const std::pair<std::vector<std::string>, std::string> cases[] = {
      {{"--listen", "nowhere"}, "weir-server: --listen: "},
      {{"--listen", "127.0.0.1:70000"}, "weir-server: --listen: "},
      {{"--admin-listen", ":"}, "--admin-listen: "},
      {{"--listen", "0.0.0.0:1"}, "weir-server: --listen: is 0.0.0.0:1, which other machines can reach"},
      {{"--engine", "disk"}, "--engine: is \"disk\"; allowed is memory or rocksdb"},
      {{"--sync", "often"}, "--sync: is \"often\"; allowed is always or never"},
      {{"--retention-age", "-1s"}, "--retention-age: is \"-1s\"; allowed is a duration"},
      {{"--retention-age", "1 week"}, "--retention-age: "},
      {{"--retention-bytes", "8 GB"}, "--retention-bytes: "},
      {{"--log-level", "loud"}, "--log-level: "},
      {{"--config", "/nonexistent.yaml"}, "/nonexistent.yaml"},
      {{"--unknown"}, "--unknown"},
      {{"stray"}, "stray"},
      {{"--listen"}, "--listen"},
  };
  for (const auto& [arguments, expected] : cases) {
    std::vector<std::string> all = {"--data-dir", "d"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    EXPECT_THAT(Mistake(all), HasSubstr(expected));
  }
  EXPECT_THAT(Mistake({}), HasSubstr("data_dir: is not set"));
  EXPECT_THAT(Mistake({}, {{"WEIR_SERVER_ENGINE", "disk"}}), HasSubstr("WEIR_SERVER_ENGINE: is \"disk\""));
  EXPECT_THAT(Mistake({"--engine", "memory"}, {{"WEIR_SERVER_INSECURE", "yes"}}), HasSubstr("WEIR_SERVER_INSECURE"));
}

TEST(Settings, HelpAndVersionEndWithoutAnError) {
  for (const std::string flag : {"--help", "--version"}) {
    const std::variant<Settings, Exit> read = Read({flag});
    ASSERT_TRUE(std::holds_alternative<Exit>(read));
    EXPECT_EQ(std::get<Exit>(read).code, 0);
    EXPECT_THAT(std::get<Exit>(read).text, HasSubstr("weir-server"));
  }
  EXPECT_THAT(std::get<Exit>(Read({"--help"})).text, HasSubstr("--retention-bytes BYTES"));
  EXPECT_THAT(std::get<Exit>(Read({"--help"})).text, testing::Not(HasSubstr("TEXT")));
}

TEST_F(ConfigFileTest, GivesAllSettings) {
  const std::string path = Write(R"(
listen: 127.0.0.1:0
admin_listen: 127.0.0.1:1
data_dir: data
engine: rocksdb
sync: never
descriptor_sets: [types.binpb, /abs.binpb]
retention: {age: 24h, bytes_max: 1GiB, check_interval: 1h}
limits:
  event_bytes_max: 2MiB
  publish_queue_events_max: 10
  publish_queue_bytes_max: 1MiB
  publish_streams_max: 2
  subscriptions_max: 3
  tail_bytes_max: 4MiB
  grpc_bytes_max: 1GiB
  free_space_bytes_min: 5MiB
  idempotence_events_max: 1000
  idempotence_age: 8760h
log_level: warning
insecure: true
)");
  const Settings settings = Good({"--config", path});
  EXPECT_EQ(settings.listen.port, 0);
  EXPECT_EQ(settings.admin_listen.port, 1);
  EXPECT_FALSE(settings.memory);
  EXPECT_FALSE(settings.sync);
  EXPECT_THAT(settings.descriptor_sets, ElementsAre(HasSubstr("/types.binpb"), "/abs.binpb"));
  EXPECT_EQ(settings.retention_age, absl::Hours(24));
  EXPECT_EQ(settings.retention_bytes_max, 1u << 30);
  EXPECT_EQ(settings.retention_check_interval, absl::Hours(1));
  EXPECT_EQ(settings.event_bytes_max, 2u << 20);
  EXPECT_EQ(settings.publish_queue_events_max, 10u);
  EXPECT_EQ(settings.publish_queue_bytes_max, 1u << 20);
  EXPECT_EQ(settings.publish_streams_max, 2u);
  EXPECT_EQ(settings.subscriptions_max, 3u);
  EXPECT_EQ(settings.tail_bytes_max, 4u << 20);
  EXPECT_EQ(settings.grpc_bytes_max, 1u << 30);
  EXPECT_EQ(settings.free_space_bytes_min, 5u << 20);
  EXPECT_EQ(settings.idempotence_events_max, 1'000u);
  EXPECT_EQ(settings.idempotence_age, absl::Hours(8'760));
  EXPECT_EQ(settings.log_level, "warning");
  EXPECT_FALSE(settings.exposed);  // it is loopback all the same
}

TEST_F(ConfigFileTest, MistakesAreLocated) {
  const std::pair<std::string, std::string> cases[] = {
      {"listen: nowhere", ":1:9: listen: "},
      {"listen: 10.0.0.1:1", ":1:9: listen: is 10.0.0.1:1, which other machines can reach"},
      {"admin_listen: x", ":1:15: admin_listen: "},
      {"engine: disk", ":1:9: engine: "},
      {"sync: often", ":1:7: sync: "},
      {"log_level: loud", ":1:12: log_level: "},
      {"data_dir: d\nretention: {check_interval: 500ms}",
       ":2:29: retention.check_interval: is 500ms; allowed is 1s to 1h"},
      {"retention: {check_interval: 61m}", "retention.check_interval: "},
      {"limits: {event_bytes_max: 1023}", ":1:27: limits.event_bytes_max: is 1023; allowed is 1024 to 2097152"},
      {"limits: {event_bytes_max: 3MiB}", "limits.event_bytes_max: is 3145728"},
      {"limits: {publish_queue_events_max: 4294967296}", "limits.publish_queue_events_max: "},
      {"limits: {publish_queue_bytes_max: 2TiB}", "limits.publish_queue_bytes_max: "},
      {"limits: {publish_streams_max: 4294967296}", "limits.publish_streams_max: "},
      {"limits: {subscriptions_max: 4294967296}", "limits.subscriptions_max: "},
      {"limits: {tail_bytes_max: 2TiB}", "limits.tail_bytes_max: "},
      {"limits: {grpc_bytes_max: 63MiB}", "limits.grpc_bytes_max: is 66060288; allowed is 67108864 to"},
      {"limits: {free_space_bytes_min: 2TiB}", "limits.free_space_bytes_min: "},
      {"limits: {idempotence_events_max: 1}", "limits.idempotence_events_max: is 1; allowed is 2 to"},
      {"limits: {idempotence_age: 999ms}", "limits.idempotence_age: is 999ms; allowed is 1s to 8760h"},
      {"limits: {idempotence_age: 8761h}", "limits.idempotence_age: "},
      {"data_dirr: x", "data_dirr"},
      {"listen: [1]", "listen"},
  };
  for (const auto& [text, expected] : cases) {
    EXPECT_THAT(Mistake({"--config", Write(text), "--data-dir", "d"}), HasSubstr(expected)) << text;
  }
  EXPECT_THAT(Mistake({"--config", Write("log_level: info")}), HasSubstr("data_dir: is not set"));
}

TEST_F(ConfigFileTest, IsOverriddenByTheEnvironmentAndFlags) {
  const std::string path = Write("engine: memory\nlisten: 127.0.0.1:1\nadmin_listen: 127.0.0.1:1\n");
  const Settings settings = Good({"--listen", "127.0.0.1:3"}, {{"WEIR_SERVER_CONFIG", path},
                                                               {"WEIR_SERVER_LISTEN", "127.0.0.1:2"},
                                                               {"WEIR_SERVER_ADMIN_LISTEN", "127.0.0.1:2"}});
  EXPECT_EQ(settings.listen.port, 3);
  EXPECT_EQ(settings.admin_listen.port, 2);
  EXPECT_TRUE(settings.memory);
}

TEST_F(ConfigFileTest, ReadsRulesOfAccess) {
  const Settings settings = Good({"--config", Write(R"(engine: memory
access:
  - who: ["dns:feed", "*"]
    publish: {topics: ["a.>"], types: [T]}
    deny_subscribe: {topics: [">"]}
  - who: ["uri:spiffe://x"]
    backup: true
  - who: ["uri:spiffe://y"]
    revoke: true
)")});
  ASSERT_NE(settings.access.policy, nullptr);
  EXPECT_FALSE(settings.access.policy->open());
  const Rights feed = settings.access.policy->rules->RightsOf({"dns:feed"});
  EXPECT_TRUE(feed.MayPublish("a.b", "T"));
  EXPECT_FALSE(feed.MayPublish("a.b", "U"));
  EXPECT_FALSE(feed.MayBackUp());
  EXPECT_TRUE(settings.access.policy->rules->RightsOf({"uri:spiffe://x"}).MayBackUp());
  EXPECT_FALSE(settings.access.policy->rules->RightsOf({"uri:spiffe://x"}).MayRevoke());
  EXPECT_TRUE(settings.access.policy->rules->RightsOf({"uri:spiffe://y"}).MayRevoke());
  EXPECT_TRUE(Good({"--engine", "memory"}).access.policy->open());
}

TEST_F(ConfigFileTest, RemembersWhichTokensItsKeysHaveSigned) {
  const JwtKey key = *JwtKey::Parse("ES256", test::kRfcPrivatePem, "private");
  const std::string file = fmt::format("{}weir-server-config-{}.pem", ::testing::TempDir(), getpid());
  std::ofstream(file) << test::kRfcPrivatePem;
  const Settings settings =
      Good({"--config", Write("engine: memory\nauth: {keys: [{algorithm: ES256, file: " + file + "}]}\n")});
  std::filesystem::remove(file);
  const absl::Time now = absl::UnixEpoch();
  const std::string token = *SignJwt(key, {{"sub", "feed"}, {"exp", 60}});
  const JwtVerifier& verifier = *settings.access.policy->verifier;
  EXPECT_TRUE(verifier.Verify(token, now).ok());
  ASSERT_NE(verifier.options().verified, nullptr);
  EXPECT_TRUE(verifier.options().verified->Holds(VerifiedTokens::DigestOf(key, token)));
}

TEST_F(ConfigFileTest, RefusesRulesOfAccessThatSayNothingClear) {
  const auto fault = [&](const std::string& rules) { return Mistake({"--config", Write("engine: memory\n" + rules)}); };
  EXPECT_THAT(fault("access: [{backup: true}]"), HasSubstr("access[0].who: has 0 names"));
  EXPECT_THAT(fault("access: [{who: [feed]}]"), HasSubstr("access[0].who[0]: is \"feed\"; allowed is `dns:NAME`"));
  EXPECT_THAT(fault("access: [{who: [\"dns:\"]}]"), HasSubstr("access[0].who[0]: is \"dns:\""));
  EXPECT_THAT(fault("access: [{who: [\"sub:x\"]}]"), HasSubstr("it needs `auth`"));
  EXPECT_THAT(fault("access: [{who: [\"*\"], publish: {}}]"), HasSubstr("access[0].publish.topics: has 0"));
  EXPECT_THAT(fault("access: [{who: [\"*\"], publish: {types: [T]}}]"), HasSubstr("access[0].publish.topics: has 0"));
  EXPECT_THAT(fault("access: [{who: [\"*\"], deny_subscribe: {topics: [\"a..b\"]}}]"),
              HasSubstr("access[0].deny_subscribe.topics[0]: "));
  EXPECT_THAT(fault("auth: {}"), HasSubstr("auth.keys: has 0 keys"));
  EXPECT_THAT(fault("auth: {keys: [{file: x}], revocations_max: 10000001}"),
              HasSubstr("auth.revocations_max: is 10000001; allowed is 1 to 10000000"));
  EXPECT_THAT(fault("auth: {keys: [{file: x}], token_lifetime_max: 59s}"),
              HasSubstr("auth.token_lifetime_max: is 59s; allowed is 1m to 87600h"));
  EXPECT_THAT(fault("auth: {keys: [{algorithm: HS256, file: absent}]}"), HasSubstr("auth.keys[0].file: "));
}

}  // namespace
}  // namespace weir::server
