#include "base/config_file.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "weir/config/v1/edge.pb.h"
#include "weir/config/v1/server.pb.h"

namespace weir {
namespace {

using config::v1::Edge;
using config::v1::Server;
using testing::HasSubstr;
using testing::StartsWith;

template <typename M>
std::string ErrorOf(std::string_view text) {
  M out;
  const auto file = ConfigFile::Parse(text, "weir.yaml", &out);
  EXPECT_FALSE(file.ok()) << text;
  if (!file.ok()) {
    EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument);
  }
  return std::string(Message(file.status()));
}

template <typename M>
M Parsed(std::string_view text) {
  M out;
  const auto file = ConfigFile::Parse(text, "weir.yaml", &out);
  EXPECT_TRUE(file.ok()) << Message(file.status());
  return out;
}

TEST(ConfigFile, ReadsAServer) {
  const Server read = Parsed<Server>(R"(
# comment
listen: 127.0.0.1:0
engine: memory
sync: never
descriptor_sets: [a.binpb, "b.binpb"]
retention: {age: 1h30m, bytes_max: 2GiB}
limits:
  event_bytes_max: 64KiB
  publish_queue_events_max: 1000
insecure: true
)");
  Server expected;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(R"(
    listen: "127.0.0.1:0" engine: LOG_ENGINE_MEMORY sync: SYNC_MODE_NEVER
    descriptor_sets: "a.binpb" descriptor_sets: "b.binpb"
    retention { age { seconds: 5400 } bytes_max: 2147483648 }
    limits { event_bytes_max: 65536 publish_queue_events_max: 1000 } insecure: true)",
                                                            &expected));
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(read, expected)) << read.DebugString();
}

TEST(ConfigFile, ReadsNestedListsAndDurationsBelowASecond) {
  const Edge edge = Parsed<Edge>(R"(
threads: 4
routes:
  - path: /a
    filters: ["x.*", 'y.>']
    auth: required
    envelope: {kind: cloudevents}
    heartbeat: {interval: 1500ms}
  - path: /b
)");
  ASSERT_EQ(edge.routes_size(), 2);
  EXPECT_EQ(edge.threads(), 4u);
  EXPECT_THAT(edge.routes(0).filters(), testing::ElementsAre("x.*", "y.>"));
  EXPECT_EQ(edge.routes(0).auth(), config::v1::AUTH_MODE_REQUIRED);
  EXPECT_EQ(edge.routes(0).envelope().kind(), config::v1::ENVELOPE_KIND_CLOUDEVENTS);
  EXPECT_EQ(edge.routes(0).heartbeat().interval().seconds(), 1);
  EXPECT_EQ(edge.routes(0).heartbeat().interval().nanos(), 500'000'000);
  EXPECT_EQ(edge.routes(1).path(), "/b");
}

TEST(ConfigFile, KeepsPresence) {
  EXPECT_FALSE(Parsed<Server>("retention: {age: 1h}").retention().has_bytes_max());
  const Server zero = Parsed<Server>("retention: {age: 0s, bytes_max: 0}");
  EXPECT_TRUE(zero.retention().has_bytes_max());
  EXPECT_TRUE(zero.retention().has_age());
}

TEST(ConfigFile, ReadsStructsByTheCoreSchema) {
  const Edge edge = Parsed<Edge>(R"(
routes:
  - connected:
      data: {i: 5, h: 0x10, f: 1.5, b: true, n: null, e: , t: text, q: "5", s: !!str 5, l: [1, [a], {k: ~}], 7: m}
)");
  const auto& data = edge.routes(0).connected().data().fields();
  EXPECT_EQ(data.at("i").number_value(), 5);
  EXPECT_EQ(data.at("h").number_value(), 16);
  EXPECT_EQ(data.at("f").number_value(), 1.5);
  EXPECT_TRUE(data.at("b").bool_value());
  EXPECT_TRUE(data.at("n").has_null_value());
  EXPECT_TRUE(data.at("e").has_null_value());
  EXPECT_EQ(data.at("t").string_value(), "text");
  EXPECT_EQ(data.at("q").string_value(), "5");
  EXPECT_EQ(data.at("s").string_value(), "5");
  EXPECT_EQ(data.at("7").string_value(), "m");
  ASSERT_EQ(data.at("l").list_value().values_size(), 3);
  EXPECT_EQ(data.at("l").list_value().values(1).list_value().values(0).string_value(), "a");
  EXPECT_TRUE(data.at("l").list_value().values(2).struct_value().fields().at("k").has_null_value());
}

TEST(ConfigFile, FollowsAliases) {
  const Edge edge = Parsed<Edge>("routes:\n- heartbeat: &h {interval: 5s}\n- heartbeat: *h\n");
  EXPECT_EQ(edge.routes(1).heartbeat().interval().seconds(), 5);
}

TEST(ConfigFile, ClearsWhatTheMessageHeld) {
  Server server;
  server.set_listen("old");
  ASSERT_TRUE(ConfigFile::Parse("insecure: true", "weir.yaml", &server).ok());
  EXPECT_EQ(server.listen(), "");
}

TEST(ConfigFile, SaysWhereAnUnknownKeyIsAndWhatIsMeant) {
  EXPECT_EQ(ErrorOf<Server>("listen: a:1\nretention:\n  agee: 1h\n"),
            "weir.yaml:3:3: retention.agee: unknown key, did you mean \"age\"?; allowed is age, bytes_max, "
            "check_interval");
  EXPECT_THAT(ErrorOf<Edge>("routes:\n- path: /a\n- banana: 1\n"),
              StartsWith("weir.yaml:3:3: routes[1].banana: unknown key; allowed is path, filters, "));
}

TEST(ConfigFile, RefusesDuplicateKeys) {
  EXPECT_EQ(ErrorOf<Server>("listen: a:1\ninsecure: true\nlisten: b:2\n"),
            "weir.yaml:3:1: listen: is there twice; allowed is once");
  EXPECT_EQ(ErrorOf<Server>("limits: {tail_bytes_max: 1, \"tail_bytes_max\": 2}"),
            "weir.yaml:1:29: limits.tail_bytes_max: is there twice; allowed is once");
  EXPECT_THAT(ErrorOf<Edge>("routes: [{connected: {data: {a: 1, a: 2}}}]"),
              HasSubstr("routes[0].connected.data.a: is there twice"));
}

TEST(ConfigFile, RefusesWrongTypes) {
  const struct {
    const char* text;
    const char* error;
  } kCases[] = {
      {"- listen", "weir.yaml:1:1: is a list; allowed is a mapping of keys to values"},
      {"listen", "weir.yaml:1:1: is \"listen\"; allowed is a mapping of keys to values"},
      {"listen: 8080", "weir.yaml:1:9: listen: is \"8080\"; allowed is text; put it in quotes if text is meant"},
      {"listen: true", "weir.yaml:1:9: listen: is \"true\"; allowed is text; put it in quotes if text is meant"},
      {"listen: [a]", "weir.yaml:1:9: listen: is a list; allowed is text"},
      {"listen: {a: b}", "weir.yaml:1:9: listen: is a mapping; allowed is text"},
      {"insecure: true\nlisten:\n", "weir.yaml:2:1: listen: is empty; allowed is text"},
      {"insecure: yes", "weir.yaml:1:11: insecure: is \"yes\"; allowed is true or false"},
      {"insecure: \"true\"", "weir.yaml:1:11: insecure: is \"true\"; allowed is true or false"},
      {"insecure: 1", "weir.yaml:1:11: insecure: is \"1\"; allowed is true or false"},
      {"engine: leveldb", "weir.yaml:1:9: engine: is \"leveldb\"; allowed is \"rocksdb\" or \"memory\""},
      {"engine: unspecified", "weir.yaml:1:9: engine: is \"unspecified\"; allowed is \"rocksdb\" or \"memory\""},
      {"engine: LOG_ENGINE_MEMORY",
       "weir.yaml:1:9: engine: is \"LOG_ENGINE_MEMORY\"; allowed is \"rocksdb\" or \"memory\""},
      {"engine: 2", "weir.yaml:1:9: engine: is \"2\"; allowed is \"rocksdb\" or \"memory\""},
      {"descriptor_sets: a", "weir.yaml:1:18: descriptor_sets: is \"a\"; allowed is a list"},
      {"descriptor_sets: [a, 5]",
       "weir.yaml:1:22: descriptor_sets[1]: is \"5\"; allowed is text; put it in quotes if text is meant"},
      {"retention: 5", "weir.yaml:1:12: retention: is \"5\"; allowed is a mapping of keys to values"},
      {"retention:", "weir.yaml:1:1: retention: is empty; allowed is a mapping of keys to values"},
      {"retention: {age: 5}",
       "weir.yaml:1:18: retention.age: is \"5\"; allowed is a duration like 500ms, 30s, 5m or 24h"},
      {"retention: {age: {seconds: 5}}",
       "weir.yaml:1:18: retention.age: is a mapping; allowed is a duration like 500ms, 30s, 5m or 24h"},
      {"retention: {bytes_max: 64MB}",
       "weir.yaml:1:24: retention.bytes_max: is \"64MB\"; allowed is a number of bytes like 65536, 64KiB, 16MiB or "
       "2GiB"},
      {"limits: {subscriptions_max: 64KiB}",
       "weir.yaml:1:29: limits.subscriptions_max: is \"64KiB\"; allowed is a whole number from 0 to "
       "18446744073709551615"},
      {"limits: {subscriptions_max: -1}",
       "weir.yaml:1:29: limits.subscriptions_max: is \"-1\"; allowed is a whole number from 0 to "
       "18446744073709551615"},
      {"limits: {subscriptions_max: 1.0}",
       "weir.yaml:1:29: limits.subscriptions_max: is \"1.0\"; allowed is a whole number from 0 to "
       "18446744073709551615"},
      {"limits: {subscriptions_max: \"1\"}",
       "weir.yaml:1:29: limits.subscriptions_max: is \"1\"; allowed is a whole number from 0 to "
       "18446744073709551615"},
      {"? [a]\n: b", "weir.yaml:1:3: has a key that is no text; allowed is a name"},
      {"listen: !!int a", "weir.yaml:1:9: listen: has the tag \"tag:yaml.org,2002:int\"; allowed is none, or !!str"},
      {"<<: {listen: a}", "weir.yaml:1:1: <<: unknown key; allowed is listen, "},
  };
  for (const auto& test : kCases) {
    EXPECT_THAT(ErrorOf<Server>(test.text), StartsWith(test.error)) << test.text;
  }
  EXPECT_EQ(ErrorOf<Edge>("threads: 4294967296"),
            "weir.yaml:1:10: threads: is \"4294967296\"; allowed is a whole number from 0 to 4294967295");
  EXPECT_THAT(ErrorOf<Edge>("routes: [{connected: {data: [1]}}]"),
              StartsWith("weir.yaml:1:29: routes[0].connected.data: is a list; allowed is a mapping"));
  for (const char* number : {".inf", ".nan", "9007199254740993", "18446744073709551615"}) {
    EXPECT_THAT(ErrorOf<Edge>(fmt::format("routes: [{{connected: {{data: {{a: {}}}}}}}]", number)),
                HasSubstr("allowed is a number that JSON holds exactly"));
  }
}

TEST(ConfigFile, RefusesWhatIsNoSingleDocument) {
  EXPECT_EQ(ErrorOf<Server>(""), "weir.yaml:1:1: is empty; allowed is a mapping of keys to values");
  EXPECT_EQ(ErrorOf<Server>("# only a comment\n"), "weir.yaml:1:1: is empty; allowed is a mapping of keys to values");
  EXPECT_EQ(ErrorOf<Server>("listen: a\n---\nlisten: b\n"),
            "weir.yaml:3:1: has something after its first document; allowed is one document");
  EXPECT_THAT(ErrorOf<Server>(",# nothing\n"), StartsWith("weir.yaml:1:1: "));
  EXPECT_THAT(ErrorOf<Server>("listen: [a\n"), testing::ContainsRegex("^weir.yaml:[0-9]+:[0-9]+: is not YAML: "));
  EXPECT_THAT(ErrorOf<Server>("listen: *nobody\n"), StartsWith("weir.yaml:1:9: is not YAML: "));
  EXPECT_THAT(ErrorOf<Server>("listen: \"\\u"), StartsWith("weir.yaml:1:12: is not YAML: "));
  EXPECT_THAT(ErrorOf<Server>("# é\nlisten: \"\xff\"\n"), StartsWith("weir.yaml:2:10: is no text"));
  EXPECT_THAT(ErrorOf<Server>("listen: a\xC3"), StartsWith("weir.yaml:1:10: is no text"));
  EXPECT_THAT(ErrorOf<Server>(std::string_view("listen: a\0b", 11)), StartsWith("weir.yaml:1:10: is no text"));
}

TEST(ConfigFile, BoundsSizeDepthAndAliases) {
  EXPECT_THAT(ErrorOf<Server>(std::string(ConfigFile::kBytesMax + 1, '#')), HasSubstr("has more than 1048576 bytes"));
  std::string fits = "listen: a\n#";
  fits.resize(ConfigFile::kBytesMax, '#');
  EXPECT_EQ(Parsed<Server>(fits).listen(), "a");

  const auto nested = [](size_t depth) {
    return fmt::format("routes: [{{connected: {{data: {{a: {}{}}}}}}}]", std::string(depth, '['),
                       std::string(depth, ']'));
  };
  Parsed<Edge>(nested(40));
  EXPECT_THAT(ErrorOf<Edge>(nested(60)), HasSubstr("is nested too deeply"));
  EXPECT_THAT(ErrorOf<Edge>(nested(100'000)), HasSubstr("is not YAML"));

  std::string bomb = "routes:\n- connected:\n    data:\n      a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 10; ++i) {
    bomb += fmt::format("      a{0}: &a{0} [*a{1},*a{1},*a{1},*a{1},*a{1},*a{1},*a{1},*a{1},*a{1},*a{1}]\n", i, i - 1);
  }
  EXPECT_THAT(ErrorOf<Edge>(bomb), HasSubstr("is one value too many"));
  EXPECT_THAT(ErrorOf<Edge>("routes: [{connected: {data: {a: &a [*a]}}}]"), HasSubstr("is nested too deeply"));
}

TEST(ConfigFile, LocatesErrorsOfMeaning) {
  Edge edge;
  const auto file = ConfigFile::Parse(R"(listen: a
routes:
  - path: /a
  - path: /b
    heartbeat:
      interval: 500ms
)",
                                      "etc/weir.yaml", &edge);
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(file->Where("listen"), "etc/weir.yaml:1:9");
  EXPECT_EQ(file->Where("routes[1].heartbeat.interval"), "etc/weir.yaml:6:17");
  EXPECT_EQ(file->Where("routes[1].heartbeat.event"), "etc/weir.yaml:6:7");
  EXPECT_EQ(file->Where("routes[0].filters[3]"), "etc/weir.yaml:3:5");
  EXPECT_EQ(file->Where("auth.keys[0].file"), "etc/weir.yaml:1:1");
  EXPECT_EQ(Message(file->Error("routes[1].heartbeat.interval", "is 500ms; allowed is 1s to 5m")),
            "etc/weir.yaml:6:17: routes[1].heartbeat.interval: is 500ms; allowed is 1s to 5m");
}

TEST(ConfigFile, NamesAnotherOriginThanTheFile) {
  Server server;
  auto file = ConfigFile::Parse("listen: a", "weir.yaml", &server);
  ASSERT_TRUE(file.ok());
  file->SetOrigin("listen", "--listen");
  EXPECT_EQ(Message(file->Error("listen", "is bad")), "--listen: is bad");
  file->SetOrigin("descriptor_sets", "--descriptors");
  EXPECT_EQ(Message(file->Error("descriptor_sets[1]", "is bad")), "--descriptors: descriptor_sets[1]: is bad");
  EXPECT_EQ(Message(ConfigFile().Error("data_dir", "is missing")), "configuration: data_dir: is missing");
}

TEST(ConfigFile, ResolvesPathsAgainstItsDirectory) {
  Server server;
  const auto resolve = [&](const char* name, const char* path) {
    return ConfigFile::Parse("listen: a", name, &server)->Resolve(path);
  };
  EXPECT_EQ(resolve("etc/weir.yaml", "keys/a.pem"), "etc/keys/a.pem");
  EXPECT_EQ(resolve("/etc/weir.yaml", "../a.pem"), "/etc/../a.pem");
  EXPECT_EQ(resolve("etc/weir.yaml", "/run/a.pem"), "/run/a.pem");
  EXPECT_EQ(resolve("weir.yaml", "a.pem"), "a.pem");
}

TEST(ConfigFile, LoadsFiles) {
  const std::string path = testing::TempDir() + "/weir_config_file_test.yaml";
  std::ofstream(path) << "listen: 5\n";
  Server server;
  EXPECT_THAT(std::string(Message(ConfigFile::Load(path, &server).status())), StartsWith(path + ":1:9: listen: "));
  std::ofstream(path) << "listen: '5'\n";
  EXPECT_TRUE(ConfigFile::Load(path, &server).ok());
  EXPECT_EQ(server.listen(), "5");
  EXPECT_EQ(std::remove(path.c_str()), 0);
}

TEST(ConfigFile, SaysWhenAFileCannotBeRead) {
  Server server;
  const absl::Status missing = ConfigFile::Load("/nonexistent/weir.yaml", &server).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(Message(missing)), StartsWith("/nonexistent/weir.yaml: the configuration cannot be read"));
  EXPECT_FALSE(ConfigFile::Load(testing::TempDir(), &server).ok());
}

}  // namespace
}  // namespace weir
