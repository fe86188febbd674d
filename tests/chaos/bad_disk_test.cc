// What the server does on a disk that fails at any moment, also while it starts, and on one that is full: it
// acknowledges nothing that it may lose, it says what is wrong, and on a good disk it goes on with all that it had.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "apps/dispatch/v1/dispatch.pb.h"
#include "tests/chaos/disk.h"
#include "tests/chaos/faultlib/fault_library.h"
#include "tests/support/sandbox.h"
#include "tests/support/system.h"
#include "weir/client.h"

namespace weir::chaos {
namespace {

using ::testing::HasSubstr;

constexpr char kTopic[] = "dispatch.broadcast";
constexpr uint64_t kMiB = 1 << 20;

class BadDiskTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!testing::SandboxStatus().ok()) {
      GTEST_SKIP() << testing::SandboxStatus();
    }
    absl::StatusOr<std::unique_ptr<Disk>> disk = Disk::Make(dir_.File("disk"), 512 * kMiB);
    ASSERT_TRUE(disk.ok()) << disk.status();
    disk_ = *std::move(disk);
  }

  // Starts the server; false when it ends instead. Ports are fixed: in a sandbox all are free.
  bool StartServer(uint64_t free_space_bytes_min = 32 * kMiB) {
    LaunchServer(free_space_bytes_min);
    return server_.ReadLine(absl::Seconds(60)).ok();
  }
  void LaunchServer(uint64_t free_space_bytes_min = 32 * kMiB) {
    testing::WriteFile(config_path(), fmt::format("limits: {{free_space_bytes_min: {}}}\n", free_space_bytes_min));
    testing::WriteFile(log_path(), "");
    absl::StatusOr<testing::Process> process = testing::Process::Start(
        {testing::BinaryPath("weir-server"), "--config", config_path(), "--listen", "127.0.0.1:50051", "--admin-listen",
         "127.0.0.1:9902", "--data-dir", disk_->path() + "/data", "--descriptors", testing::AppsDescriptorPath()},
        log_path(), library_.environment());
    EXPECT_TRUE(process.ok()) << process.status();
    server_ = *std::move(process);
  }
  void StartGoodServer() { ASSERT_TRUE(StartServer()) << testing::ReadFile(log_path()); }

  // One event; its cursor is remembered as acknowledged.
  absl::Status Publish(size_t bytes = 100'000) {
    apps::dispatch::v1::FlashMessage message;
    message.set_text(std::string(bytes, 'x'));
    v1::PublishRequest request;
    request.add_events()->set_topic(kTopic);
    request.mutable_events(0)->mutable_payload()->PackFrom(message);
    Client client({.server = "127.0.0.1:50051"});  // a new one: it remembers no server that was away
    const absl::StatusOr<v1::PublishResponse> response = client.Publish(request, absl::Now() + absl::Seconds(60));
    if (!response.ok()) {
      return response.status();
    }
    acknowledged_.push_back(response->results(0).ack().cursor());
    return absl::OkStatus();
  }

  // The cursors in the log.
  std::vector<std::string> Log() {
    std::vector<std::string> cursors;
    const testing::CommandResult listed =
        testing::RunCommand({testing::BinaryPath("weir"), "list", "--earliest", kTopic}, "", absl::Seconds(60));
    EXPECT_EQ(listed.exit_code, 0) << listed.err;
    std::istringstream lines(listed.out);
    for (std::string line; std::getline(lines, line);) {
      cursors.push_back(nlohmann::json::parse(line)["cursor"]);
    }
    return cursors;
  }
  // Everything acknowledged is in the log, in order.
  void ExpectNothingLost() {
    const std::vector<std::string> log = Log();
    auto at = log.begin();
    for (const std::string& cursor : acknowledged_) {
      at = std::find(at, log.end(), cursor);
      ASSERT_TRUE(at != log.end()) << cursor << " was acknowledged and is lost";
    }
  }

  void ExpectCleanEnd() {
    server_.Signal(SIGTERM);
    const absl::StatusOr<int> code = server_.Wait(absl::Seconds(60));
    ASSERT_TRUE(code.ok()) << code.status();
    EXPECT_EQ(*code, 0) << testing::ReadFile(log_path());
  }

  static int Health() {
    const absl::StatusOr<testing::Response> response = testing::Fetch(9902, "/healthz");
    return response.ok() ? response->status : -1;
  }

  std::string config_path() const { return dir_.File("server.yaml"); }
  std::string log_path() const { return dir_.File("server.log"); }

  testing::TempDir dir_;
  FaultLibrary library_{dir_.File("board")};
  Board& board_ = library_.board();
  std::unique_ptr<Disk> disk_;
  testing::Process server_;
  std::vector<std::string> acknowledged_;
};

// One sync after the other: of the first start, which makes the log, of publishing, of a later start. What was not
// synced is lost for good, for the power is cut afterwards.
TEST_F(BadDiskTest, WhicheverSyncFailsNothingAcknowledgedIsLost) {
  for (int64_t spared = 0; spared < 100; ++spared) {
    board_.syncs_failed = 0;
    board_.syncs_to_spare = spared;
    board_.syncs_to_fail = 1;
    const bool started = StartServer();
    while (started && board_.syncs_failed == 0 && Publish().ok()) {
    }
    SCOPED_TRACE(fmt::format("sync {} failed, when the server {} started; {} events", spared + 1,
                             started ? "had" : "had not", acknowledged_.size()));
    ASSERT_EQ(board_.syncs_failed, 1u);
    if (!started) {
      EXPECT_THAT(testing::ReadFile(log_path()), HasSubstr("Input/output error"));
    }
    board_.syncs_to_fail = 0;
    const absl::Status cut = disk_->CutPower(server_);
    ASSERT_TRUE(cut.ok()) << cut;
    ASSERT_NO_FATAL_FAILURE(StartGoodServer());
    ASSERT_NO_FATAL_FAILURE(ExpectNothingLost());
    const absl::Status published = Publish();
    ASSERT_TRUE(published.ok()) << published;
    server_.Kill();
    if (acknowledged_.size() > static_cast<size_t>(spared) + 10) {
      return;  // by now it was one of publishing, for several times
    }
  }
  FAIL() << "the syncs of starting did not end";
}

// The power fails before each of the syncs in turn: what the server has written since the one before is lost.
TEST_F(BadDiskTest, ThePowerMayFailBeforeAnySync) {
  std::string input;
  for (int i = 0; i < 1000; ++i) {
    input += nlohmann::json({{"topic", kTopic}, {"type", "apps.dispatch.v1.FlashMessage"}, {"data", {{"text", "t"}}}})
                 .dump() +
             "\n";
  }
  testing::WriteFile(dir_.File("events"), input);
  int rounds_of_publishing = 0;
  size_t streamed = 0;
  for (int64_t spared = 0; rounds_of_publishing < 5; ++spared) {
    ASSERT_LT(spared, 100) << "the syncs of starting do not end";
    board_.syncs_delayed = 0;
    board_.syncs_to_spare = spared;
    board_.sync_delay_millis = 3'600'000;
    LaunchServer();
    testing::Process publisher;
    const auto stopped = [&] { return board_.syncs_delayed > 0; };
    bool started = false;
    ASSERT_TRUE(testing::WaitUntil(
        [&] { return stopped() || (started = server_.ReadLine(absl::Milliseconds(10)).ok()); }, absl::Seconds(60)));
    if (started) {
      // Again and again: a fast machine needs few syncs for all of the events.
      const absl::Time deadline = absl::Now() + absl::Seconds(60);
      for (absl::Status read = absl::OutOfRangeError(""); !stopped();) {
        ASSERT_LT(absl::Now(), deadline);
        if (absl::IsOutOfRange(read)) {
          absl::StatusOr<testing::Process> process =
              testing::Process::Start({testing::BinaryPath("weir"), "publish", "--from", "-"}, dir_.File("publish.log"),
                                      {}, dir_.File("events"));
          ASSERT_TRUE(process.ok()) << process.status();
          publisher = *std::move(process);
        }
        const absl::StatusOr<std::string> line = publisher.ReadLine(absl::Milliseconds(10));
        read = line.status();
        if (line.ok()) {
          acknowledged_.push_back(nlohmann::json::parse(*line)["cursor"]);
          ++streamed;
        }
      }
      ++rounds_of_publishing;
    }
    SCOPED_TRACE(fmt::format("before sync {}, when the server {} started; {} events", spared + 1,
                             started ? "had" : "had not", acknowledged_.size()));
    const absl::Status cut = disk_->CutPower(server_);
    ASSERT_TRUE(cut.ok()) << cut;
    for (absl::StatusOr<std::string> line;
         publisher.running() && (line = publisher.ReadLine(absl::Milliseconds(100))).ok();) {
      acknowledged_.push_back(nlohmann::json::parse(*line)["cursor"]);
      ++streamed;
    }
    publisher.Kill();
    board_.sync_delay_millis = 0;
    ASSERT_NO_FATAL_FAILURE(StartGoodServer());
    ASSERT_NO_FATAL_FAILURE(ExpectNothingLost());
    const absl::Status published = Publish();
    ASSERT_TRUE(published.ok()) << published;
    server_.Kill();
  }
  EXPECT_GT(streamed, 0u);
}

TEST_F(BadDiskTest, KeepsAReserveAndTakesEventsAgainWhenThereIsSpace) {
  ASSERT_NO_FATAL_FAILURE(StartGoodServer());
  ASSERT_TRUE(Publish().ok());
  ASSERT_TRUE(disk_->Fill(31 * kMiB).ok());
  const absl::Status refused = Publish();
  EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
  EXPECT_EQ(ErrorReason(refused), "STORAGE_FULL");
  EXPECT_EQ(Health(), 200);
  EXPECT_EQ(Log(), acknowledged_);
  ExpectCleanEnd();
  ASSERT_NO_FATAL_FAILURE(StartGoodServer());  // it starts below its reserve, or nobody could read
  EXPECT_EQ(Log(), acknowledged_);
  disk_->Free();
  EXPECT_TRUE(Publish().ok());
  ASSERT_TRUE(disk_->Fill().ok());
  EXPECT_EQ(Log(), acknowledged_);
  ExpectCleanEnd();
}

TEST_F(BadDiskTest, ADiskThatIsReallyFullPoisonsTheLogAndLosesNothing) {
  ASSERT_TRUE(disk_->Fill(20 * kMiB).ok());  // which the log takes in advance
  ASSERT_TRUE(StartServer(1)) << testing::ReadFile(log_path());
  disk_->Free();
  ASSERT_TRUE(disk_->Fill(64 << 10).ok());
  absl::Status status;
  while (status.ok()) {
    status = Publish(1'000'000);  // until what the log had taken in advance is used up
  }
  EXPECT_GT(acknowledged_.size(), 1u);
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_EQ(ErrorReason(status), "LOG_POISONED");
  EXPECT_EQ(Health(), 503);
  EXPECT_EQ(Log(), acknowledged_);
  ExpectCleanEnd();
  ASSERT_TRUE(disk_->Fill().ok());
  EXPECT_FALSE(StartServer(1));
  EXPECT_THAT(testing::ReadFile(log_path()), HasSubstr("opening the log needs"));
  disk_->Free();
  ASSERT_NO_FATAL_FAILURE(StartGoodServer());
  EXPECT_EQ(Log(), acknowledged_);
  EXPECT_TRUE(Publish().ok());
}

}  // namespace
}  // namespace weir::chaos
