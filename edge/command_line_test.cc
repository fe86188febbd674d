#include "edge/command_line.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/text.h"

namespace weir::edge {
namespace {

class CommandLineTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "weir-flags-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    file_ = directory_ + "/edge.yaml";
    std::ofstream(file_) << "routes: [{path: /a, filters: [a.b]}]\nlisten: 127.0.0.1:1\n";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::variant<CommandLine, Exit> Read(const std::vector<std::string>& arguments) {
    return ReadCommandLine(
        arguments,
        [this](const std::string& name) {
          const auto it = environment_.find(name);
          return it == environment_.end() ? std::string() : it->second;
        },
        2);
  }
  Exit ExitOf(const std::vector<std::string>& arguments) {
    auto read = Read(arguments);
    EXPECT_TRUE(std::holds_alternative<Exit>(read));
    return std::holds_alternative<Exit>(read) ? std::get<Exit>(read) : Exit{.code = -1, .text = ""};
  }
  EdgeConfig ConfigOf(const std::vector<std::string>& arguments) {
    auto read = Read(arguments);
    if (auto* exit = std::get_if<Exit>(&read)) {
      ADD_FAILURE() << exit->text;
      return EdgeConfig();
    }
    return std::get<CommandLine>(std::move(read)).config;
  }

  std::string directory_;
  std::string file_;
  TextMap<std::string> environment_;
};

TEST_F(CommandLineTest, TakesEveryFlag) {
  const EdgeConfig config =
      ConfigOf({"--config", file_, "--listen", "127.0.0.1:2", "--admin-listen=127.0.0.1:3", "--server", "127.0.0.1:4",
                "--threads", "5", "--static", directory_, "--log-level", "debug"});
  EXPECT_EQ(config.listen.port, 2);
  EXPECT_EQ(config.admin_listen.port, 3);
  EXPECT_EQ(config.server.port, 4);
  EXPECT_EQ(config.threads, 5U);
  EXPECT_EQ(config.static_files->directory, directory_);
  EXPECT_EQ(config.log_level, "debug");
}

TEST_F(CommandLineTest, FlagsOverrideTheEnvironmentWhichOverridesTheFile) {
  EXPECT_EQ(ConfigOf({"--config", file_}).listen.port, 1);
  environment_ = {{"WEIR_EDGE_LISTEN", "127.0.0.1:2"}, {"WEIR_EDGE_ADMIN_LISTEN", "127.0.0.1:3"},
                  {"WEIR_EDGE_SERVER", "127.0.0.1:4"}, {"WEIR_EDGE_THREADS", "5"},
                  {"WEIR_EDGE_STATIC", directory_},    {"WEIR_EDGE_LOG_LEVEL", "error"},
                  {"WEIR_EDGE_CONFIG", file_}};
  const EdgeConfig config = ConfigOf({});
  EXPECT_EQ(config.listen.port, 2);
  EXPECT_EQ(config.admin_listen.port, 3);
  EXPECT_EQ(config.server.port, 4);
  EXPECT_EQ(config.threads, 5U);
  EXPECT_EQ(config.static_files->directory, directory_);
  EXPECT_EQ(config.log_level, "error");
  EXPECT_EQ(ConfigOf({"--listen", "127.0.0.1:9"}).listen.port, 9);
}

TEST_F(CommandLineTest, RefusesMistakesWithCodeTwo) {
  const std::vector<std::string> cases[] = {
      {},
      {"--config"},
      {"--config", directory_ + "/missing.yaml"},
      {"--unknown"},
      {"extra", "--config", file_},
      {"--config", file_, "--listen", "nowhere"},
      {"--config", file_, "--admin-listen", "1"},
      {"--config", file_, "--server", ":"},
      {"--config", file_, "--server", ""},
      {"--listen", "127.0.0.1:0"},
      {"--config", file_, "--threads", "0"},
      {"--config", file_, "--threads", "65"},
      {"--config", file_, "--threads", "many"},
      {"--config", file_, "--static", directory_ + "/missing"},
      {"--config", file_, "--log-level", "loud"},
  };
  for (const auto& arguments : cases) {
    const Exit exit = ExitOf(arguments);
    EXPECT_EQ(exit.code, 2);
    EXPECT_EQ(exit.text.find("weir-edge: "), 0U) << exit.text;
    EXPECT_TRUE(exit.text.ends_with('\n'));
  }
  EXPECT_EQ(ExitOf({"--config", file_, "--listen", "nowhere"}).text.find("weir-edge: --listen: "), 0U);
  EXPECT_EQ(ExitOf({}).text,
            "weir-edge: there is no configuration file (--config FILE, or WEIR_EDGE_CONFIG): routes: is empty; at "
            "least one route is needed\n");
  EXPECT_NE(ExitOf({"--threads", "65"}).text.find("--threads: "), std::string::npos);
  EXPECT_NE(ExitOf({"--server", ""}).text.find("server"), std::string::npos);
  environment_["WEIR_EDGE_THREADS"] = "0";
  EXPECT_NE(ExitOf({"--config", file_}).text.find("WEIR_EDGE_THREADS: "), std::string::npos);
}

TEST_F(CommandLineTest, HelpsAndTellsItsVersion) {
  EXPECT_EQ(ExitOf({"--help"}).code, 0);
  for (const char* flag : {"--config", "--listen", "--admin-listen", "--server", "--threads", "--static", "--log-level",
                           "--check", "--version"}) {
    EXPECT_NE(ExitOf({"--help"}).text.find(flag), std::string::npos) << flag;
  }
  EXPECT_EQ(ExitOf({"--help"}).text.find("TEXT"), std::string::npos);
  EXPECT_EQ(ExitOf({"--version"}).code, 0);
  EXPECT_EQ(ExitOf({"--version"}).text.find("weir-edge "), 0U);
}

TEST_F(CommandLineTest, OnlyChecks) {
  auto read = Read({"--config", file_, "--check"});
  ASSERT_TRUE(std::holds_alternative<CommandLine>(read));
  EXPECT_TRUE(std::get<CommandLine>(read).check);
  EXPECT_EQ(ExitOf({"--config", file_, "--check", "--listen", "x"}).code, 2);
}

}  // namespace
}  // namespace weir::edge
