// The real `weir bench` against the real server and edge.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "tests/support/process.h"
#include "tests/support/system.h"

namespace weir::testing {
namespace {

using Json = nlohmann::json;
using ::testing::HasSubstr;

class BenchTest : public ::testing::Test {
 protected:
  BenchTest() { system_.StartServer({"--engine", "memory"}); }

  void StartEdge() {
    system_.StartEdge();
    ASSERT_TRUE(system_.WaitReady());
  }

  std::string Url(const std::string& path, const std::string& scheme = "http") const {
    return scheme + "://127.0.0.1:" + std::to_string(system_.http_port()) + path;
  }

  CommandResult Bench(const std::string& url, const std::vector<std::string>& more) const {
    std::vector<std::string> args = {"bench", url, "--readers", "20", "--duration", "3s"};
    args.insert(args.end(), more.begin(), more.end());
    return system_.Weir(args);
  }

  static std::vector<std::string> Publishing(const std::string& topic,
                                             const std::string& type = "apps.dispatch.v1.FlashMessage") {
    return {"--topic", topic, "--type", type, "--rate", "20", R"({"id":"m1"})"};
  }

  static void ExpectAllDelivered(const CommandResult& result) {
    ASSERT_EQ(result.exit_code, 0) << result.out << result.err;
    const Json line = Json::parse(result.out);
    EXPECT_GE(line["published"], 10);
    EXPECT_GT(line["deliveries"], 0);
    EXPECT_LE(line["deliveries"].get<int>(), 20 * line["published"].get<int>()) << "the last may come after the end";
    for (const char* const fault : {"lost", "doubled", "out_of_order", "gaps", "ended"}) {
      EXPECT_EQ(line[fault], 0) << fault;
    }
    EXPECT_GT(line["connects_per_second"], 0);
    EXPECT_GT(line["latency_ms"]["p50"], 0);
    EXPECT_LE(line["latency_ms"]["p50"], line["latency_ms"]["p99"]);
    EXPECT_LE(line["latency_ms"]["p99"], line["latency_ms"]["max"]);
  }

  System system_;
};

TEST_F(BenchTest, EveryReaderGetsWhatItPublishes) {
  StartEdge();
  ExpectAllDelivered(Bench(Url("/api/sse"), Publishing("dispatch.broadcast")));
}

// The server stands still for most of the time: few of the events that are due meanwhile can be sent before it goes on.
TEST_F(BenchTest, AnEventIsLateFromWhenItWasDue) {
  StartEdge();
  const std::string errors = system_.dir().File("bench.err");
  auto bench = Process::Start({BinaryPath("weir"), "bench", Url("/api/sse"), "--server", system_.grpc_address(),
                               "--readers", "1", "--duration", "3s", "--topic", "dispatch.broadcast", "--type",
                               "apps.dispatch.v1.FlashMessage", "--rate", "50000", R"({"id":"m1"})"},
                              errors);
  ASSERT_TRUE(bench.ok()) << bench.status();
  ASSERT_TRUE(WaitUntil([&] { return ReadFile(errors).find("measuring") != std::string::npos; }));
  system_.server().Signal(SIGSTOP);
  absl::SleepFor(absl::Milliseconds(2500));
  system_.server().Signal(SIGCONT);
  const auto out = bench->ReadAll(kPatience);
  ASSERT_TRUE(out.ok()) << out.status();
  EXPECT_GE(Json::parse(*out)["latency_ms"]["p50"], 250) << *out;
  EXPECT_EQ(*bench->Wait(kPatience), 0);
}

TEST_F(BenchTest, SpeaksTls) {
  system_.WriteCertificate();
  WriteFile(system_.edge_config_path(), "tls: {certificate: cert.pem, key: key.pem}\n" + FiveRoutesYaml());
  StartEdge();
  std::vector<std::string> args = Publishing("dispatch.broadcast");
  CommandResult result = Bench(Url("/api/sse", "https"), args);
  EXPECT_EQ(result.exit_code, 68) << "nobody vouches for the certificate";
  EXPECT_THAT(result.err, HasSubstr("the certificate: "));
  args.insert(args.end(), {"--edge-tls-ca", system_.dir().File("cert.pem")});
  result = Bench(Url("/api/sse", "https"), args);
  ExpectAllDelivered(result);
}

TEST_F(BenchTest, ShowsTokensAndPassesOverWhatTheRouteSaysItself) {
  StartEdge();
  const std::string tokens = system_.dir().File("tokens");
  WriteFile(tokens, system_.Token("alice") + "\n" + system_.Token("bob") + "\n");
  std::filesystem::permissions(tokens, std::filesystem::perms(0600));
  std::vector<std::string> args = {"--edge-token-file", tokens, "--ignore", "heartbeat"};
  for (const std::string& arg : Publishing("broadcast.notifications", "apps.notifications.v1.Notification")) {
    args.push_back(arg);
  }
  ExpectAllDelivered(Bench(Url("/api/notifications/stream"), args));
  const CommandResult result = Bench(Url("/api/notifications/stream"), {});
  EXPECT_EQ(result.exit_code, 68);
  EXPECT_THAT(result.err, HasSubstr("HTTP/1.1 401"));
  EXPECT_EQ(result.out, "");
}

TEST_F(BenchTest, WhatNobodyGetsIsLost) {
  StartEdge();
  const CommandResult result = Bench(Url("/api/sse"), Publishing("dispatch.other"));
  EXPECT_EQ(result.exit_code, 1);
  const Json line = Json::parse(result.out);
  EXPECT_GE(line["published"], 10);
  EXPECT_EQ(line["lost"].get<int>(), 20 * line["published"].get<int>());
  EXPECT_EQ(line["latency_ms"], nullptr);
  EXPECT_THAT(result.err, HasSubstr("does the URL read --topic?"));
}

TEST_F(BenchTest, StreamsThatEndAreTold) {
  StartEdge();
  const std::string errors = system_.dir().File("bench.err");
  auto bench =
      Process::Start({BinaryPath("weir"), "bench", Url("/api/sse"), "--readers", "20", "--duration", "10s"}, errors);
  ASSERT_TRUE(bench.ok()) << bench.status();
  ASSERT_TRUE(WaitUntil([&] { return ReadFile(errors).find("measuring") != std::string::npos; }));
  system_.edge().Kill();
  const auto out = bench->ReadAll(kPatience);
  ASSERT_TRUE(out.ok()) << out.status();
  EXPECT_EQ(Json::parse(*out)["ended"], 20);
  EXPECT_EQ(*bench->Wait(kPatience), 1);
  EXPECT_THAT(ReadFile(errors), HasSubstr("20 streams ended; the first: the stream "));
}

TEST_F(BenchTest, MeasuresWhatOthersPublish) {
  StartEdge();
  const std::string errors = system_.dir().File("bench.err");
  auto bench =
      Process::Start({BinaryPath("weir"), "bench", Url("/api/sse"), "--readers", "20", "--duration", "8s"}, errors);
  ASSERT_TRUE(bench.ok()) << bench.status();
  ASSERT_TRUE(WaitUntil([&] { return ReadFile(errors).find("measuring") != std::string::npos; }));
  const Json event = {
      {"topic", "dispatch.broadcast"}, {"type", "apps.dispatch.v1.FlashMessage"}, {"data", {{"id", "m"}}}};
  ASSERT_EQ(system_.PublishLines({event, event, event}).size(), 3U);
  const Json line = Json::parse(*bench->ReadAll(kPatience));
  EXPECT_EQ(line["deliveries"], 60);
  EXPECT_EQ(line["lost"], 0);
  EXPECT_FALSE(line.contains("published"));
  EXPECT_EQ(*bench->Wait(kPatience), 0);
}

TEST(BenchArgumentsTest, AreChecked) {
  const auto exit_code = [](std::vector<std::string> args) {
    args.insert(args.begin(), {BinaryPath("weir"), "bench"});
    return RunCommand(args).exit_code;
  };
  const std::string url = "http://127.0.0.1:1/stream";
  EXPECT_EQ(exit_code({url}), 78) << "nobody is there";
  EXPECT_EQ(exit_code({}), 2);
  EXPECT_EQ(exit_code({"127.0.0.1:1/stream"}), 2);
  EXPECT_EQ(exit_code({url, "--readers", "0"}), 2);
  EXPECT_EQ(exit_code({url, "--readers", "20001"}), 2);
  EXPECT_EQ(exit_code({url, "--duration", "99ms"}), 2);
  EXPECT_EQ(exit_code({url, "--duration", "61m"}), 2);
  EXPECT_EQ(exit_code({url, "--rate", "5"}), 2) << "without --topic";
  EXPECT_EQ(exit_code({url, "--topic", "a"}), 2) << "without a payload";
  EXPECT_EQ(exit_code({url, "--topic", "a", "--type", "b", "{}", "--rate", "100000", "--duration", "1m"}), 2);
  EXPECT_EQ(exit_code({"http://edge.example/stream", "--edge-token-file", "tokens"}), 2) << "a secret without TLS";
  EXPECT_EQ(exit_code({url, "--edge-tls-ca", "ca.pem"}), 2) << "TLS for http://";
  EXPECT_EQ(exit_code({url, "--edge-token-file", "/nowhere"}), 1);
}

}  // namespace
}  // namespace weir::testing
