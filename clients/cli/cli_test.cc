// The real `weir` against the real weir-server: what scripts rely on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "base/jwt.h"
#include "base/jwt_test_keys.h"
#include "tests/support/process.h"
#include "tests/support/system.h"

namespace weir::testing {
namespace {

using Json = nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kType[] = "apps.vehicles.v1.VehicleUpdate";
constexpr char kTopic[] = "vehicles.updates";

std::vector<Json> Lines(const std::string& out) {
  std::vector<Json> lines;
  std::istringstream stream(out);
  for (std::string line; std::getline(stream, line);) {
    lines.push_back(Json::parse(line, nullptr, false));
  }
  return lines;
}

std::string Data(int request) { return R"({"requestId":"r)" + std::to_string(request) + R"("})"; }

std::string Line(int request, const std::string& topic = kTopic) {
  return Json({{"topic", topic}, {"type", kType}, {"data", {{"requestId", "r" + std::to_string(request)}}}}).dump() +
         "\n";
}

class CliTest : public ::testing::Test {
 protected:
  CliTest() { system_.StartServer({"--engine", "memory"}); }

  CommandResult Publish(int request) {
    return system_.Weir({"publish", "--topic", kTopic, "--type", kType, Data(request)});
  }

  // `weir ARGS…` in the background.
  Process Start(std::vector<std::string> args) {
    args.insert(args.begin(), BinaryPath("weir"));
    auto process = Process::Start(args, system_.dir().File("weir.err"), {{"WEIR_SERVER", system_.grpc_address()}});
    EXPECT_TRUE(process.ok()) << process.status();
    return *std::move(process);
  }

  // A subscription that began is named on stderr.
  bool Subscribed() const {
    return WaitUntil(
        [this] { return ReadFile(system_.dir().File("weir.err")).find("subscribed after") != std::string::npos; });
  }

  System system_;
};

TEST_F(CliTest, PublishPrintsTheCursor) {
  const CommandResult result = Publish(1);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  const std::vector<Json> lines = Lines(result.out);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_TRUE(lines[0].contains("cursor"));
  EXPECT_TRUE(lines[0].contains("event_id"));
  EXPECT_FALSE(lines[0].contains("duplicate"));
}

TEST_F(CliTest, ARepeatedEventIsADuplicate) {
  const std::vector<std::string> args = {"publish", "--topic", kTopic, "--type", kType, "--event-id", "e1", Data(1)};
  const Json first = Lines(system_.Weir(args).out).at(0);
  const Json second = Lines(system_.Weir(args).out).at(0);
  EXPECT_EQ(second["duplicate"], true);
  EXPECT_EQ(second["cursor"], first["cursor"]);
}

TEST_F(CliTest, ARefusedEventIsNamedOnStderrAndInTheExitCode) {
  const CommandResult result = system_.Weir({"publish", "--topic", "a b", "--type", kType, Data(1)});
  EXPECT_EQ(result.exit_code, 67);
  EXPECT_EQ(result.out, "");
  EXPECT_NE(result.err.find("INVALID_ARGUMENT (TOPIC_INVALID): "), std::string::npos) << result.err;
}

TEST_F(CliTest, PublishFromStdinPrintsALineForEachLineInOrder) {
  const std::string input = Line(1) + "nonsense\n" + Line(2) + Line(3, "bad topic") + "\n" + Line(4);
  const CommandResult result = system_.Weir({"publish", "--from", "-"}, input);
  EXPECT_EQ(result.exit_code, 1);
  const std::vector<Json> lines = Lines(result.out);
  ASSERT_EQ(lines.size(), 6U) << result.out;
  EXPECT_TRUE(lines[0].contains("cursor"));
  EXPECT_EQ(lines[1]["error"]["code"], "INVALID_ARGUMENT");
  EXPECT_EQ(lines[1]["error"]["reason"], "FIELD_INVALID");
  EXPECT_TRUE(lines[2].contains("cursor"));
  EXPECT_EQ(lines[3]["error"]["reason"], "TOPIC_INVALID");
  EXPECT_EQ(lines[4]["error"]["reason"], "FIELD_INVALID") << "an empty line is a line";
  EXPECT_TRUE(lines[5].contains("cursor"));
}

TEST_F(CliTest, PublishFromAFileOfManyLines) {
  std::string input;
  for (int i = 0; i < 3000; ++i) {
    input += Line(i);
  }
  const std::string file = system_.dir().File("events.jsonl");
  WriteFile(file, input);
  const CommandResult result = system_.Weir({"publish", "--from", file});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(Lines(result.out).size(), 3000U);
  const std::vector<Json> events = Lines(system_.Weir({"list", kTopic}).out);
  ASSERT_EQ(events.size(), 3000U);
  for (size_t i = 0; i < events.size(); ++i) {
    ASSERT_EQ(events[i]["data"]["requestId"], "r" + std::to_string(i));
  }
}

TEST_F(CliTest, PublishGivesUpOnAServerThatStaysAway) {
  EXPECT_EQ(system_.Weir({"publish", "--topic", kTopic, "--type", kType, "--server", "127.0.0.1:1", Data(1)}).exit_code,
            78);
  EXPECT_EQ(system_.Weir({"publish", "--from", "-", "--server", "127.0.0.1:1"}, Line(1)).exit_code, 78);
}

TEST_F(CliTest, SubscribePrintsEventsFromAPlaceOn) {
  Publish(1);
  const std::string cursor = Lines(Publish(2).out).at(0)["cursor"];
  Publish(3);
  const CommandResult all = system_.Weir({"subscribe", kTopic, "--earliest", "-n", "3", "--wait", "50s"});
  EXPECT_EQ(all.exit_code, 0) << all.err;
  const std::vector<Json> events = Lines(all.out);
  ASSERT_EQ(events.size(), 3U) << all.out;
  EXPECT_EQ(events[1]["cursor"], cursor);
  EXPECT_EQ(events[1]["topic"], kTopic);
  EXPECT_EQ(events[1]["type"], kType);
  EXPECT_EQ(events[1]["data"]["requestId"], "r2");
  EXPECT_TRUE(events[1].contains("event_id"));
  EXPECT_TRUE(events[1].contains("time"));

  const auto first_request = [this](std::vector<std::string> start) {
    start.insert(start.begin(), {"subscribe", "vehicles.>", "-n", "1", "--wait", "50s"});
    return Lines(system_.Weir(start).out).at(0)["data"]["requestId"];
  };
  EXPECT_EQ(first_request({"--from-id", cursor}), "r3");
  EXPECT_EQ(first_request({"--since", "1h"}), "r1");
  EXPECT_EQ(first_request({"--last"}), "r3");
}

TEST_F(CliTest, SubscribePrintsWhatComesLive) {
  Process subscriber = Start({"subscribe", kTopic, "-n", "2"});
  ASSERT_TRUE(Subscribed());
  Publish(1);
  const auto line = subscriber.ReadLine(kPatience);
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(Json::parse(*line)["data"]["requestId"], "r1");
  Publish(2);
  EXPECT_EQ(*subscriber.Wait(kPatience), 0);
}

TEST_F(CliTest, SubscribeMarksTheEndOfAReplay) {
  Publish(1);
  const CommandResult result = system_.Weir({"subscribe", kTopic, "--earliest", "--wait", "10s"});
  EXPECT_EQ(result.exit_code, 0) << "an event came";
  const std::vector<Json> lines = Lines(result.out);
  ASSERT_EQ(lines.size(), 2U) << result.out;
  EXPECT_EQ(lines[1]["progress"]["caught_up"], true);
}

TEST_F(CliTest, WhatDoesNotComeInTimeIsExitCode3) {
  Publish(1);
  EXPECT_EQ(system_.Weir({"subscribe", "other.topic", "--wait", "300ms"}).exit_code, 3);
  EXPECT_EQ(system_.Weir({"subscribe", kTopic, "--earliest", "-n", "2", "--wait", "300ms"}).exit_code, 3);
}

TEST_F(CliTest, AGapIsALineOfItsOwn) {
  Publish(1);
  Process subscriber = Start({"subscribe", kTopic, "--from-id", "zzzzzzzz-5"});
  const absl::StatusOr<std::string> line = subscriber.ReadLine(kPatience);
  ASSERT_TRUE(line.ok()) << line.status();
  const Json gap = Json::parse(*line)["gap"];
  EXPECT_EQ(gap["reason"], "OTHER_EPOCH");
  EXPECT_EQ(gap["requested_cursor"], "zzzzzzzz-5");
  EXPECT_TRUE(gap.contains("resume_cursor"));
  EXPECT_EQ(system_.Weir({"subscribe", kTopic, "--from-id", "zzzzzzzz-5", "--fail-on-gap"}).exit_code, 75);
}

TEST_F(CliTest, RefusedSubscriptionsAreTheServersCode) {
  EXPECT_EQ(system_.Weir({"subscribe", "a..b"}).exit_code, 67);
  EXPECT_EQ(system_.Weir({"subscribe", "a", "--from-id", "nonsense"}).exit_code, 67);
}

TEST_F(CliTest, ListsNewestFirstAndByType) {
  for (int i = 0; i < 5; ++i) {
    Publish(i);
  }
  const std::vector<Json> newest = Lines(system_.Weir({"list", ">", "--newest", "-n", "2"}).out);
  ASSERT_EQ(newest.size(), 2U);
  EXPECT_EQ(newest[0]["data"]["requestId"], "r4");
  EXPECT_EQ(newest[1]["data"]["requestId"], "r3");
  EXPECT_EQ(Lines(system_.Weir({"list", ">", "--type", kType}).out).size(), 5U);
  EXPECT_EQ(Lines(system_.Weir({"list", ">", "--type", "apps.goals.v1.GoalCreated"}).out).size(), 0U);
}

TEST_F(CliTest, SchemaAndStatus) {
  bool found = false;
  for (const Json& type : Lines(system_.Weir({"schema"}).out)) {
    found = found || (type["type"] == kType && type["name"] == "vehicle_update");
  }
  EXPECT_TRUE(found);
  EXPECT_NE(system_.Weir({"schema", kType}).out.find("message VehicleUpdate {"), std::string::npos);
  EXPECT_EQ(system_.Weir({"schema", "apps.Nope"}).exit_code, 67);
  Publish(1);
  const Json status = Lines(system_.Weir({"status"}).out).at(0);
  EXPECT_EQ(status["log_engine"], "memory");
  EXPECT_EQ(status["head_sequence"], 1);
}

TEST_F(CliTest, CtrlCIs130) {
  Process subscriber = Start({"subscribe", kTopic});
  ASSERT_TRUE(Subscribed());
  subscriber.Signal(SIGINT);
  EXPECT_EQ(*subscriber.Wait(kPatience), 130);
}

TEST_F(CliTest, ABrokenPipeEndsQuietly) {
  std::string input;
  for (int i = 0; i < 2000; ++i) {
    input += Line(i);
  }
  system_.Weir({"publish", "--from", "-"}, input);
  const CommandResult result = RunCommand(
      {"/bin/bash", "-c", R"("$0" list '>' | head -n 1 >/dev/null; exit "${PIPESTATUS[0]}")", BinaryPath("weir")}, "",
      kPatience, {{"WEIR_SERVER", system_.grpc_address()}});
  EXPECT_EQ(result.exit_code, 141);
  EXPECT_EQ(result.err, "");
}

TEST_F(CliTest, ASubscriptionSurvivesTheServersRestart) {
  Process subscriber = Start({"subscribe", kTopic, "-n", "1", "--wait", "50s"});
  ASSERT_TRUE(Subscribed());
  system_.server().Kill();
  system_.StartServer({"--engine", "memory"});
  // The memory log began anew: the reader is told so, and goes on.
  const auto gap = subscriber.ReadLine(kPatience);
  ASSERT_TRUE(gap.ok()) << gap.status();
  EXPECT_EQ(Json::parse(*gap)["gap"]["reason"], "OTHER_EPOCH");
  Publish(1);
  EXPECT_EQ(*subscriber.Wait(kPatience), 0);
}

TEST_F(CliTest, TheExamplesOfTheLibraryRun) {
  const std::string examples = BinaryPath("../example/");
  const CommandResult published = RunCommand({examples + "weir_example_publish", system_.grpc_address()});
  EXPECT_EQ(published.exit_code, 0) << published.out << published.err;
  EXPECT_NE(published.out.find("Volvo is stored at "), std::string::npos) << published.out;
  const CommandResult read = RunCommand({examples + "weir_example_subscribe", system_.grpc_address()});
  EXPECT_EQ(read.exit_code, 0) << read.err;
  EXPECT_NE(read.out.find("Ford"), std::string::npos) << read.out;
}

CommandResult Weir(std::vector<std::string> args) {
  args.insert(args.begin(), BinaryPath("weir"));
  return RunCommand(args);
}

TEST(CommandLine, UsageErrorsAreExitCode2) {
  const std::vector<std::vector<std::string>> commands = {
      {},
      {"nonsense"},
      {"subscribe"},
      {"subscribe", "a", "-n", "0"},
      {"subscribe", "a", "--wait", "soon"},
      {"subscribe", "a", "--wait", "0s"},
      {"subscribe", "a", "--since", "yesterday"},
      {"subscribe", "a", "--earliest", "--last"},
      {"publish"},
      {"publish", "--topic", "a", "{}"},
      {"publish", "--from", "-", "--topic", "a"},
      {"publish", "--topic", "a", "--type", "T", "--attribute", "k", "{}"},
      {"list"},
      {"list", "a", "--newest", "--last"},
      {"token", "--sub", "alice"},
      {"revoke"},
      {"revoke", "--subject", "alice", "--token-id", "t"},
      {"revoke", "--subject", "alice", "--keep", "0s"},
      {"completion", "csh"},
      {"status", "--server", "nonsense"},
      {"status", "--server", "127.0.0.1:99999"},
  };
  for (const std::vector<std::string>& command : commands) {
    const CommandResult result = Weir(command);
    EXPECT_EQ(result.exit_code, 2) << Json(command);
    EXPECT_EQ(result.out, "");
    EXPECT_NE(result.err.find("--help"), std::string::npos) << result.err;
  }
  EXPECT_NE(Weir({"nosuch"}).err.find("there is no command nosuch"), std::string::npos);
}

TEST(CommandLine, HelpBeginsWithExamples) {
  for (const char* command : {"publish", "subscribe", "list", "schema", "status", "token", "revoke", "completion"}) {
    const CommandResult result = Weir({command, "--help"});
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_EQ(result.out.rfind("Examples:\n", 0), 0U) << result.out;
  }
  EXPECT_EQ(Weir({"--help"}).out.rfind("Examples:\n", 0), 0U);
  EXPECT_EQ(Weir({"--version"}).out.rfind("weir ", 0), 0U);
}

TEST(CommandLine, CompletionNamesCommandsAndOptions) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const CommandResult result = Weir({"completion", shell});
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_NE(result.out.find("subscribe"), std::string::npos);
    EXPECT_NE(result.out.find("from-id"), std::string::npos);
  }
  EXPECT_EQ(RunCommand({"/bin/bash", "-n"}, Weir({"completion", "bash"}).out).exit_code, 0);
}

absl::StatusOr<JwtVerifier> VerifierOf(const std::string& key_file) {
  JwtVerifierOptions options;
  options.keys = {*JwtKey::LoadAny(key_file)};
  return JwtVerifier::Make(options);
}

TEST(Token, IsGoodForItsKeyWhicheverKindThatIs) {
  const TempDir dir;
  const std::string secret = dir.File("secret");
  const std::string pem = dir.File("key.pem");
  WriteFile(secret, std::string(32, 's'));
  WriteFile(pem, test::kRfcPrivatePem);
  for (const std::string& file : {secret, pem}) {
    const CommandResult result =
        Weir({"token", "--key", file, "--sub", "alice", "--claim", "tenant_id=acme", "--ttl", "15m"});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    const auto verifier = VerifierOf(file);
    const absl::Time now = absl::Now();
    const auto claims = verifier->Verify(result.out.substr(0, result.out.size() - 1), now);
    ASSERT_TRUE(claims.ok()) << claims.status();
    EXPECT_EQ(claims->subject, "alice");
    EXPECT_EQ(claims->claims["tenant_id"], "acme");
    EXPECT_NEAR(absl::ToDoubleSeconds(claims->expires - now), 900, 10);
  }
}

TEST(Token, IsSignedByTheAlgorithmThatIsAskedFor) {
  const TempDir dir;
  const std::string rsa = dir.File("rsa.pem");
  const std::string ed = dir.File("ed.pem");
  WriteFile(rsa, test::kRsaPrivatePem);
  WriteFile(ed, test::kEd25519PrivatePem);
  const std::pair<std::string, const char*> keys[] = {{rsa, "RS256"}, {rsa, "PS256"}, {ed, "EdDSA"}};
  for (const auto& [file, algorithm] : keys) {
    const CommandResult result =
        Weir({"token", "--key", file, "--algorithm", algorithm, "--key-id", "k1", "--sub", "alice"});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    for (const char* id : {"k1", "k2"}) {
      JwtVerifierOptions options;
      options.keys = {*JwtKey::Load(algorithm, file, id)};
      const auto claims = JwtVerifier::Make(options)->Verify(result.out.substr(0, result.out.size() - 1), absl::Now());
      EXPECT_EQ(claims.ok(), id == std::string_view("k1")) << algorithm << " " << claims.status();
    }
  }
  EXPECT_EQ(Weir({"token", "--key", rsa, "--algorithm", "ES256", "--sub", "alice"}).exit_code, 1);
  EXPECT_EQ(Weir({"token", "--key", rsa, "--algorithm", "none", "--sub", "alice"}).exit_code, 2);
}

TEST(Token, WarnsOfAKeyThatOthersMayReadAndShowsNothingOfIt) {
  const TempDir dir;
  const std::string secret = dir.File("secret");
  WriteFile(secret, std::string(32, 's'));
  ASSERT_EQ(::chmod(secret.c_str(), 0644), 0);
  CommandResult result = Weir({"token", "--key", secret, "--sub", "alice"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr(secret + ": others may read it"));
  EXPECT_THAT(result.err + result.out, Not(HasSubstr("sss")));
  ASSERT_EQ(::chmod(secret.c_str(), 0600), 0);
  result = Weir({"token", "--key", secret, "--sub", "alice"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.err, "");
}

TEST(Token, MayBeOverAlready) {
  const TempDir dir;
  const std::string secret = dir.File("secret");
  WriteFile(secret, std::string(32, 's'));
  const CommandResult result = Weir({"token", "--key", secret, "--sub", "alice", "--ttl", "-1h"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto verifier = VerifierOf(secret);
  EXPECT_TRUE(IsJwtExpired(verifier->Verify(result.out.substr(0, result.out.size() - 1), absl::Now()).status()));
}

TEST(Token, SaysWhatIsWrong) {
  const TempDir dir;
  const std::string secret = dir.File("secret");
  WriteFile(secret, "too short");
  EXPECT_EQ(Weir({"token", "--key", secret, "--sub", "alice"}).exit_code, 1);
  EXPECT_EQ(Weir({"token", "--key", dir.File("none"), "--sub", "alice"}).exit_code, 1);
  WriteFile(secret, std::string(32, 's'));
  EXPECT_EQ(Weir({"token", "--key", secret, "--sub", "alice", "--claim", "exp=1"}).exit_code, 2);
}

}  // namespace
}  // namespace weir::testing
