// What wrong flags, configuration, directories and requests get: one clear sentence, and nothing half-applied.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/system.h"

namespace weir::testing {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

struct FlagCase {
  std::vector<std::string> flags;
  std::string says;  // stderr holds it
};

class BadFlagTest : public ::testing::Test {
 protected:
  void ExpectRefused(const std::string& binary, const FlagCase& bad) {
    std::vector<std::string> argv = {BinaryPath(binary)};
    argv.insert(argv.end(), bad.flags.begin(), bad.flags.end());
    const CommandResult result = RunCommand(argv);
    EXPECT_TRUE(result.exit_code == 1 || result.exit_code == 2)
        << result.exit_code << " " << fmt::format("{}", argv[1]);
    EXPECT_THAT(result.err, HasSubstr(bad.says));
    EXPECT_EQ(result.out, "");
  }

  TempDir dir_;
};

TEST_F(BadFlagTest, TheServerNamesTheFlagAndWhatIsAllowed) {
  const std::string descriptors = AppsDescriptorPath();
  for (const FlagCase& bad : std::vector<FlagCase>{
           {{"--no-such-flag"}, "--no-such-flag"},
           {{"--listen", "nowhere"}, "nowhere"},
           {{"--listen", "127.0.0.1:99999"}, "99999"},
           {{"--listen", "0.0.0.0:0", "--engine", "memory", "--descriptors", descriptors}, "insecure"},
           {{"--admin-listen", "127.0.0.1"}, "127.0.0.1"},
           {{"--engine", "floppy"}, "floppy"},
           {{"--sync", "sometimes"}, "sometimes"},
           {{"--log-level", "loud"}, "loud"},
           {{"--retention-age", "-1s", "--engine", "memory"}, "-1s"},
           {{"--retention-age", "soon"}, "soon"},
           {{"--retention-bytes", "many"}, "many"},
           {{"--descriptors", "/no/such/file", "--engine", "memory"}, "/no/such/file"},
           {{"--config", "/no/such/file"}, "/no/such/file"},
           {{"--engine", "rocksdb", "--listen", "127.0.0.1:0"}, "data"},
       }) {
    ExpectRefused("weir-server", bad);
  }
}

TEST_F(BadFlagTest, TheEdgeNamesTheFlagAndWhatIsAllowed) {
  for (const FlagCase& bad : std::vector<FlagCase>{
           {{"--no-such-flag"}, "--no-such-flag"},
           {{"--threads", "0"}, "threads"},
           {{"--threads", "65"}, "64"},
           {{"--listen", "nowhere"}, "nowhere"},
           {{"--server", ""}, "server"},
           {{"--config", "/no/such/file"}, "/no/such/file"},
           {{"--static", "/no/such/directory"}, "/no/such/directory"},
       }) {
    ExpectRefused("weir-edge", bad);
  }
}

TEST_F(BadFlagTest, AConfigurationErrorHasFileLineAndColumn) {
  struct ConfigCase {
    std::string binary;
    std::string yaml;
    std::string says;
  };
  for (const ConfigCase& bad : std::vector<ConfigCase>{
           {"weir-edge", "routes:\n  - path: /a\n    filter: [x]\n", ":3:5: "},
           {"weir-edge", "routes:\n  - path: /a\n    filters: [x]\n    heartbeat: {interval: 1ms}\n", ":4:"},
           {"weir-edge", "routes:\n  - path: /a\n    filters: [\"a..b\"]\n", ":3:"},
           {"weir-edge", "routes:\n  - path: /a\n    filters: [x]\n  - path: /a\n    filters: [x]\n", ":4:"},
           {"weir-edge", "routes:\n  - path: /a\n    filters: [x]\n    auth: required\n", "keys"},
           {"weir-edge", "routes:\n  - path: /a\n    filters: [\"users.{jwt.sub}\"]\n", "auth"},
           {"weir-edge", "routes:\n  - path: a\n    filters: [x]\n", "path"},
           {"weir-edge", "routes: []\n", "routes"},
           {"weir-edge", "threads: many\n", ":1:10: "},
           {"weir-edge", "listen: a\nlisten: b\n", ":2:1: "},
           {"weir-server", "retention: {age: soon}\n", ":1:"},
           {"weir-server", "engine: floppy\n", ":1:9: "},
           {"weir-server", "limits: {event_bytes_max: 1}\n", "event_bytes_max"},
           {"weir-server", "nonsense: 1\n", ":1:1: "},
       }) {
    const std::string path = dir_.File("bad.yaml");
    WriteFile(path, bad.yaml);
    const CommandResult result = RunCommand({BinaryPath(bad.binary), "--config", path, "--check"});
    EXPECT_EQ(result.exit_code, 2) << bad.yaml;
    EXPECT_THAT(result.err, HasSubstr(path + ":")) << bad.yaml;
    EXPECT_THAT(result.err, HasSubstr(bad.says)) << bad.yaml;
  }
}

TEST_F(BadFlagTest, ADataDirectoryThatCannotBeUsedIsRefusedInOneSentence) {
  System running;
  running.StartServer();
  const auto start = [&](const std::string& dir) {
    return RunCommand({BinaryPath("weir-server"), "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
                       "--data-dir", dir, "--descriptors", AppsDescriptorPath()});
  };
  CommandResult result = start(running.data_dir());
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr(running.data_dir()));
  EXPECT_THAT(result.err, HasSubstr("in use"));

  const std::string file = dir_.File("a-file");
  WriteFile(file, "not a directory");
  result = start(file);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr(file));

  result = start("/proc/weir");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("/proc/weir"));

  const std::string foreign = dir_.File("foreign");
  ASSERT_EQ(RunCommand({"/bin/mkdir", foreign}).exit_code, 0);
  WriteFile(foreign + "/letters.txt", "somebody's letters");
  result = start(foreign);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr(foreign));
  EXPECT_EQ(ReadFile(foreign + "/letters.txt"), "somebody's letters");
}

TEST_F(BadFlagTest, ATakenPortIsNamed) {
  System running;
  running.StartServer({"--engine", "memory"});
  running.StartEdge();
  CommandResult result =
      RunCommand({BinaryPath("weir-server"), "--engine", "memory", "--descriptors", AppsDescriptorPath(),
                  "--admin-listen", "127.0.0.1:0", "--listen", running.grpc_address()});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr(running.grpc_address()));
  const std::string http = fmt::format("127.0.0.1:{}", running.http_port());
  result = RunCommand({BinaryPath("weir-edge"), "--config", running.edge_config_path(), "--listen", http,
                       "--admin-listen", "127.0.0.1:0", "--server", running.grpc_address()});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr(http));
}

class BadRequestTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    system_ = new System();
    system_->StartServer({"--engine", "memory"});
    system_->StartEdge({"--threads", "1"});
    ASSERT_TRUE(system_->WaitReady());
  }
  static void TearDownTestSuite() {
    delete system_;
    system_ = nullptr;
  }

  // The response to raw bytes, up to the close.
  static std::string Raw(const std::string& bytes) {
    absl::StatusOr<Connection> connection = Connection::Open(system_->http_port());
    EXPECT_TRUE(connection.ok()) << connection.status();
    EXPECT_TRUE(connection->Send(bytes).ok());
    return connection->ReceiveAll(kPatience);
  }

  static System* system_;
};

System* BadRequestTest::system_ = nullptr;

TEST_F(BadRequestTest, ParametersAreCheckedAndNamed) {
  struct RequestCase {
    std::string target;
    std::string accept;
    int status;
    std::string says;
  };
  const std::string ok = "/api/sse";
  for (const RequestCase& bad : std::vector<RequestCase>{
           {ok + "?start=yesterday", "text/event-stream", 400, "start"},
           {ok + "?start=", "text/event-stream", 400, "start"},
           {ok + "?start=latest&start=earliest", "text/event-stream", 400, "start"},
           {ok + "?limit=0", "application/json", 400, "limit"},
           {ok + "?limit=1001", "application/json", 400, "limit"},
           {ok + "?limit=many", "application/json", 400, "limit"},
           {ok + "?wait=61s", "application/json", 400, "wait"},
           {ok + "?wait=-1s", "application/json", 400, "wait"},
           {ok + "?last_event_id=no-cursor", "application/json", 400, "last_event_id"},
           {ok + "?a=%zz", "text/event-stream", 400, ""},
           {ok, "text/html", 406, "text/event-stream"},
           {"/no/such/route", "text/event-stream", 404, ""},
           {"/api/sse/../x", "text/event-stream", 404, ""},
       }) {
    const absl::StatusOr<Response> response = Fetch(system_->http_port(), bad.target, {"Accept: " + bad.accept});
    ASSERT_TRUE(response.ok()) << response.status() << bad.target;
    EXPECT_TRUE(response->status == bad.status || (bad.status == 404 && response->status == 400))
        << bad.target << ": " << response->status;
    EXPECT_EQ(response->headers.at("content-type"), "application/problem+json") << bad.target;
    const json problem = json::parse(response->body);
    EXPECT_EQ(problem["status"], response->status);
    EXPECT_FALSE(problem["type"].get<std::string>().empty());
    EXPECT_FALSE(problem["title"].get<std::string>().empty());
    EXPECT_THAT(problem.value("detail", ""), HasSubstr(bad.says)) << bad.target;
  }
}

TEST_F(BadRequestTest, OtherMethodsAreRefusedWithWhatIsAllowed) {
  for (const char* method : {"POST", "PUT", "DELETE", "PATCH"}) {
    const absl::StatusOr<Response> response = Fetch(system_->http_port(), "/api/sse", {}, method);
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->status, 405);
    EXPECT_THAT(response->headers.at("allow"), HasSubstr("GET"));
  }
}

TEST_F(BadRequestTest, MalformedHeadsEndTheConnectionAndNothingElse) {
  EXPECT_THAT(Raw("NONSENSE\r\n\r\n"), ::testing::StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(Raw("GET /api/sse HTTP/1.1\r\nBad Header\r\n\r\n"), ::testing::StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(Raw("GET /api/sse HTTP/1.1\r\nHost: a\r\nX: " + std::string(40'000, 'x') + "\r\n\r\n"),
              ::testing::StartsWith("HTTP/1.1 431"));
  EXPECT_THAT(Raw("GET /api/sse HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"),
              ::testing::StartsWith("HTTP/1.1 4"));
  const absl::StatusOr<Response> fine = Fetch(system_->http_port(), "/api/sse", {"Accept: application/json"});
  ASSERT_TRUE(fine.ok()) << fine.status();
  EXPECT_EQ(fine->status, 200);
}

TEST_F(BadRequestTest, NothingOfARequestIsReflected) {
  for (const std::string& target : {std::string("/%3Cscript%3E"), std::string("/api/sse?start=%3Cscript%3E"),
                                    std::string("/api/sse?last_event_id=%3Cscript%3E")}) {
    const absl::StatusOr<Response> response = Fetch(system_->http_port(), target, {"Accept: application/json"});
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_THAT(response->body, ::testing::Not(HasSubstr("script>")));
  }
}

}  // namespace
}  // namespace weir::testing
