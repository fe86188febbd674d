// What was acknowledged survives the loss of power: a server on a disk of the test's own, publishers that never stop,
// and a power cut again and again. And the proof that this test would see it otherwise: a server whose syncs do
// nothing.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "tests/chaos/disk.h"
#include "tests/chaos/faultlib/fault_library.h"
#include "tests/chaos/world.h"
#include "tests/support/sandbox.h"
#include "tests/support/system.h"

namespace weir::chaos {
namespace {

using nlohmann::json;

constexpr char kTopic[] = "dispatch.broadcast";
// Longer than a machine that others use stands still; what a test promises is that nothing is lost, not how soon.
constexpr absl::Duration kLongPatience = absl::Minutes(5);

class PowerCutTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!testing::SandboxStatus().ok()) {
      GTEST_SKIP() << testing::SandboxStatus();
    }
    absl::StatusOr<std::unique_ptr<Disk>> disk = Disk::Make(dir_.File("disk"));
    ASSERT_TRUE(disk.ok()) << disk.status();
    disk_ = *std::move(disk);
    world_.set_data_dir(disk_->path() + "/data");
    world_.server().launch().environment = library_.environment();
    StartServer();
  }

  void StartServer() {
    const absl::Status status = world_.StartServer(kLongPatience);
    ASSERT_TRUE(status.ok()) << status;
  }

  // One event after the other, each numbered; the client resends what was not acknowledged, with the same id.
  void StartPublisher() {
    std::string input;
    for (int i = 0; i < 200'000; ++i) {
      const json line = {
          {"topic", kTopic}, {"type", "apps.dispatch.v1.FlashMessage"}, {"data", {{"id", std::to_string(i)}}}};
      input += line.dump() + "\n";
    }
    testing::WriteFile(dir_.File("events"), input);
    absl::StatusOr<testing::Process> publisher =
        testing::Process::Start({testing::BinaryPath("weir"), "publish", "--from", "-", "--server", server_address()},
                                dir_.File("publish.log"), {}, dir_.File("events"));
    ASSERT_TRUE(publisher.ok()) << publisher.status();
    publisher_ = *std::move(publisher);
  }

  // Reads so many more acknowledgements.
  void AwaitAcks(uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) {
      const absl::StatusOr<std::string> line = publisher_.ReadLine(kLongPatience);
      ASSERT_TRUE(line.ok()) << line.status() << testing::ReadFile(dir_.File("publish.log"));
      acks_.push_back(json::parse(*line));
      ASSERT_TRUE(acks_.back().contains("cursor")) << *line;
    }
  }

  void CutPower(std::mt19937_64* written_back = nullptr) {
    const absl::Status status = disk_->CutPower(world_.server().process(), written_back);
    ASSERT_TRUE(status.ok()) << status;
  }

  std::vector<json> Log() {
    const testing::CommandResult listed = testing::RunCommand(
        {testing::BinaryPath("weir"), "list", "--earliest", kTopic, "--server", server_address()}, "", kLongPatience);
    EXPECT_EQ(listed.exit_code, 0) << listed.err;
    std::vector<json> events;
    std::istringstream lines(listed.out);
    for (std::string line; std::getline(lines, line);) {
      events.push_back(json::parse(line));
    }
    return events;
  }

  // What is wrong with the log, one line a fault: acknowledged events that are missing or at another place, and
  // whatever is stored twice or out of the publisher's order.
  std::vector<std::string> Faults(const std::vector<json>& log) const {
    std::vector<std::string> faults;
    for (size_t i = 0; i < log.size(); ++i) {
      if (const std::string id = log[i]["data"]["id"]; id != std::to_string(i)) {
        faults.push_back(fmt::format("event {} lies where {} should", id, i));
      }
    }
    for (size_t i = 0; i < acks_.size(); ++i) {
      if (i >= log.size() || log[i]["cursor"] != acks_[i]["cursor"]) {
        faults.push_back(fmt::format("event {} is not at its acknowledged place {}", i, acks_[i]["cursor"].dump()));
      }
    }
    return faults;
  }

  std::string server_address() { return fmt::format("127.0.0.1:{}", world_.server().port()); }

  testing::TempDir dir_;
  FaultLibrary library_{dir_.File("board")};
  std::unique_ptr<Disk> disk_;
  World world_{dir_.path(), 0, "{}", "{}"};
  testing::Process publisher_;
  std::vector<json> acks_;
};

TEST_F(PowerCutTest, LosesNothingThatWasAcknowledged) {
  StartPublisher();
  constexpr int kRounds = 12;
  for (uint64_t seed = 1; seed <= kRounds; ++seed) {
    std::mt19937_64 random(seed);
    ASSERT_NO_FATAL_FAILURE(AwaitAcks(random() % 2'000));
    ASSERT_NO_FATAL_FAILURE(CutPower(seed % 2 == 0 ? &random : nullptr));
    ASSERT_NO_FATAL_FAILURE(StartServer());
    if (seed % 4 == 0) {
      const std::vector<std::string> faults = Faults(Log());
      ASSERT_TRUE(faults.empty()) << faults.size() << " in round " << seed << ", first: " << faults.front();
    }
  }
  // The publisher was never told of a failure, and goes on.
  ASSERT_NO_FATAL_FAILURE(AwaitAcks(100));
  const std::vector<std::string> faults = Faults(Log());
  EXPECT_TRUE(faults.empty()) << faults.size() << ", first: " << faults.front();
  EXPECT_GT(acks_.size(), kRounds * 500u);
}

TEST_F(PowerCutTest, SeesAServerThatDoesNotSync) {
  StartPublisher();
  AwaitAcks(500);
  library_.board().ignore_syncs = true;
  AwaitAcks(5'000);  // more than the client and the pipe hold of older ones
  ASSERT_GT(library_.board().syncs_ignored, 0u);
  publisher_.Kill();
  CutPower();
  library_.board().ignore_syncs = false;
  StartServer();
  EXPECT_FALSE(Faults(Log()).empty());
}

// What a dead server had written and not synced is read again from the kernel's memory by the next one. If readers may
// see it, it must have become durable.
TEST_F(PowerCutTest, WhatWasEverShownStaysAlsoWhatNobodyHadSynced) {
  for (const bool failed_sync : {true, false}) {
    StartPublisher();
    ASSERT_NO_FATAL_FAILURE(AwaitAcks(500));
    if (failed_sync) {
      library_.board().syncs_to_fail = -1;
      ASSERT_TRUE(testing::WaitUntil([&] { return library_.board().syncs_failed > 0; }));
    }
    world_.server().process().Kill();
    publisher_.Kill();
    library_.board().syncs_to_fail = 0;
    ASSERT_NO_FATAL_FAILURE(StartServer());
    const std::vector<json> shown = Log();
    ASSERT_GE(shown.size(), acks_.size());
    ASSERT_NO_FATAL_FAILURE(CutPower());
    ASSERT_NO_FATAL_FAILURE(StartServer());
    EXPECT_TRUE(Log() == shown);
    acks_.clear();
  }
}

}  // namespace
}  // namespace weir::chaos
