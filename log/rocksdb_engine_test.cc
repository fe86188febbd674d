#include "log/rocksdb_engine.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "log/log_check.h"
#include "log/log_engine_conformance.h"
#include "log/rocksdb_engine_fixture.h"
#include "log/rocksdb_testing.h"

namespace weir::log {
namespace {

using testing::HasSubstr;
using Outcome = AppendResult::Outcome;

class RocksDbHarness : public EngineHarness {
 public:
  std::unique_ptr<LogEngine> Open(const LogOptions& options) override {
    RocksDbOptions rocksdb;
    rocksdb.log = options;
    rocksdb.directory = directory_.Sub("log");
    rocksdb.free_space_bytes_min = 0;
    auto log = OpenRocksDbLog(rocksdb);
    EXPECT_TRUE(log.ok()) << log.status();
    return *std::move(log);
  }
  bool persists() const override { return true; }

 private:
  TempDirectory directory_;
};

const EngineUnderTest kRocksDb = {"rocksdb", [] { return std::make_unique<RocksDbHarness>(); }};

INSTANTIATE_TEST_SUITE_P(RocksDb, LogEngineConformance, testing::Values(kRocksDb));
INSTANTIATE_TEST_SUITE_P(RocksDb, PersistentLogEngineConformance, testing::Values(kRocksDb));

// --- The directory

TEST_F(RocksDbEngineTest, MakesItsDirectory) {
  EXPECT_EQ(Open()->name(), "rocksdb");
  std::ifstream marker(options_.directory + "/WEIR-LOG");
  std::string line;
  std::getline(marker, line);
  EXPECT_EQ(line, "weir-log 1");
}

TEST_F(RocksDbEngineTest, TakesAnEmptyDirectoryAndOneWhereMakingWasInterrupted) {
  std::filesystem::create_directory(options_.directory);
  std::filesystem::create_directory(options_.directory + "/lost+found");
  std::filesystem::create_directory(options_.directory + "/db");
  std::ofstream(options_.directory + "/WEIR-LOG.new") << "weir";
  std::ofstream(options_.directory + "/LOCK");
  EXPECT_TRUE(TryOpen().ok());
}

TEST_F(RocksDbEngineTest, RefusesADirectoryInUse) {
  const std::unique_ptr<LogEngine> log = Open();
  ExpectRefused(absl::StatusCode::kFailedPrecondition, "in use");
}

TEST_F(RocksDbEngineTest, RefusesAFile) {
  std::ofstream(options_.directory) << "hello";
  ExpectRefused(absl::StatusCode::kFailedPrecondition, "not a directory");
}

TEST_F(RocksDbEngineTest, RefusesADirectoryUnderAFileOrUnderNothing) {
  std::ofstream(temp_.Sub("file")) << "hello";
  options_.directory = temp_.Sub("file/log");
  ExpectRefused(absl::StatusCode::kFailedPrecondition, "cannot be");
  options_.directory = temp_.Sub("no/where");
  ExpectRefused(absl::StatusCode::kFailedPrecondition, "cannot be made");
}

TEST_F(RocksDbEngineTest, RefusesAForeignDirectoryAndLeavesItAlone) {
  std::filesystem::create_directory(options_.directory);
  std::ofstream(options_.directory + "/letter.txt") << "Dear";
  ExpectRefused(absl::StatusCode::kFailedPrecondition, "letter.txt");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(options_.directory), {}), 1);
}

TEST_F(RocksDbEngineTest, RefusesANewerFormat) {
  Open().reset();
  std::ofstream(options_.directory + "/WEIR-LOG") << "weir-log 2\n";
  ExpectRefused(absl::StatusCode::kFailedPrecondition, "format 2");
  std::ofstream(options_.directory + "/WEIR-LOG") << "something\n";
  ExpectRefused(absl::StatusCode::kFailedPrecondition, "does not name a log format");
}

TEST_F(RocksDbEngineTest, RefusesADirectoryThatCannotBeWritten) {
  std::filesystem::create_directory(options_.directory);
  std::filesystem::permissions(temp_.path(), std::filesystem::perms(0755));
  std::filesystem::permissions(options_.directory, std::filesystem::perms(0555));
  // Root may write anything, so it becomes somebody else for a moment.
  const bool root = geteuid() == 0;
  if (root) {
    ASSERT_EQ(seteuid(65'534), 0);
  }
  ExpectRefused(absl::StatusCode::kPermissionDenied, "cannot be written");
  if (root) {
    ASSERT_EQ(seteuid(0), 0);
  }
}

// --- Durability

TEST_F(RocksDbEngineTest, EveryAcknowledgedEventSurvivesKill) {
  std::optional<Epoch> epoch;
  uint64_t acked_before = 0;
  for (int round = 0; round < 3; ++round) {
    const std::string prefix = fmt::format("r{}-", round);
    const std::vector<uint64_t> acked = CrashWriter(options_.directory, "always", prefix).KillAfter(700);
    ASSERT_GE(acked.size(), 700u);
    const std::unique_ptr<LogEngine> log = Open();
    EXPECT_TRUE(!epoch.has_value() || *epoch == log->bounds().epoch) << "no new epoch with synced writes";
    epoch = log->bounds().epoch;
    const std::vector<EventCopy> events = ReadAll(*log, {}).value();
    ASSERT_GE(log->bounds().head, acked.back());
    ASSERT_EQ(events.size(), log->bounds().head) << "in order, without holes";
    // What was acknowledged lies where it was said to, once; a last batch may be there without its acks having come.
    for (size_t i = 0; i < acked.size(); ++i) {
      ASSERT_EQ(events[acked[i] - 1].id, fmt::format("{}{}", prefix, i));
    }
    std::set<std::string> ids;
    for (const EventCopy& event : events) {
      ASSERT_TRUE(ids.insert(event.id).second);
    }
    ASSERT_GT(acked.front(), acked_before);
    acked_before = acked.back();
    // The writer's retry is recognised.
    TestBatch retry;
    retry.Add({.topic = "t.0", .id = fmt::format("{}0", prefix)});
    EXPECT_EQ(log->Append(retry.events()).value()[0].outcome, Outcome::kDuplicate);
    const auto on_topic =
        std::count_if(events.begin(), events.end(), [](const auto& each) { return each.topic == "t.1"; });
    EXPECT_EQ(ReadTopic(*log, "t.1").size(), static_cast<size_t>(on_topic));
  }
}

TEST_F(RocksDbEngineTest, AnUncleanStopWithoutSyncMakesANewEpoch) {
  const std::vector<uint64_t> acked = CrashWriter(options_.directory, "never", "x").KillAfter(300);
  options_.sync = SyncMode::kNever;
  Epoch epoch;
  {
    const std::unique_ptr<LogEngine> log = Open();
    epoch = log->bounds().epoch;
    const std::vector<EventCopy> events = ReadAll(*log, {}).value();
    ASSERT_GE(events.size(), acked.size()) << "the process died, not the machine";
    EXPECT_THAT(events[0].element, HasSubstr(Cursor{epoch, 1}.ToString())) << "cursors are of the present epoch";
    EXPECT_THAT(events[0].element, testing::Not(HasSubstr("00000000-1")));
  }
  EXPECT_EQ(Open()->bounds().epoch, epoch) << "that was a clean stop";
  CrashWriter(options_.directory, "never", "y").KillAfter(10);
  const std::unique_ptr<LogEngine> log = Open();
  EXPECT_NE(log->bounds().epoch, epoch);
  const Page page = log->Read({.events_max = 20}).value();
  for (const StoredEvent& event : page.events) {
    EXPECT_THAT(std::string(event.element), HasSubstr(Cursor{log->bounds().epoch, event.sequence}.ToString()));
  }
}

// --- Snapshots

TEST_F(RocksDbEngineTest, ASnapshotUnderLoadIsALogOfItsOwn) {
  const std::unique_ptr<LogEngine> log = Open();
  std::atomic<bool> enough = false;
  std::thread load([&] {
    for (int i = 0; !enough; ++i) {
      EXPECT_TRUE(log->Append(Numbered(fmt::format("t.{}", i % 5), fmt::format("{}-", i), 10).events()).ok());
      if (i % 50 == 49) {
        EXPECT_TRUE(log->Trim({.bytes_max = 100'000}).ok());
      }
    }
  });
  for (int i = 0; i < 5; ++i) {
    const uint64_t reached = log->bounds().head + 250;
    while (log->bounds().head < reached) {
      std::this_thread::yield();
    }
    const std::string copy = temp_.Sub(fmt::format("copy{}", i));
    {
      const auto snapshot = log->Snapshot();
      ASSERT_TRUE(snapshot.ok()) << snapshot.status();
      EXPECT_EQ(log->Snapshot().status().code(), absl::StatusCode::kFailedPrecondition) << "one at a time";
      EXPECT_GE((*snapshot)->bounds().head, reached);
      for (const LogSnapshot::File& file : (*snapshot)->files()) {
        EXPECT_EQ(std::filesystem::file_size(file.path), file.bytes) << file.name;
        std::filesystem::create_directories(std::filesystem::path(copy + "/" + file.name).parent_path());
        std::filesystem::copy_file(file.path, copy + "/" + file.name);
      }
    }
    EXPECT_FALSE(std::filesystem::exists(options_.directory + "/backup"));
    const absl::StatusOr<LogReport> report = CheckLog(copy);
    ASSERT_TRUE(report.ok()) << report.status();
    for (const LogFault& fault : report->faults.kept()) {
      ADD_FAILURE() << fault.ToString();
    }
    EXPECT_GE(report->content->head, reached);
    EXPECT_EQ(report->epoch, log->bounds().epoch.text());
    EXPECT_TRUE(report->new_epoch);
  }
  enough = true;
  load.join();
  options_.directory = temp_.Sub("copy4");
  Epoch epoch;
  {
    const std::unique_ptr<LogEngine> copy = Open();
    epoch = copy->bounds().epoch;
    EXPECT_NE(epoch, log->bounds().epoch);
    EXPECT_TRUE(ReadAll(*copy, {.after = copy->bounds().earliest - 1}).ok());
  }
  EXPECT_EQ(Open()->bounds().epoch, epoch) << "only the first time";
}

TEST_F(RocksDbEngineTest, WhatAnInterruptedSnapshotLeftIsRemoved) {
  Open().reset();
  std::filesystem::create_directories(options_.directory + "/backup/db.tmp");
  EXPECT_TRUE(Open()->Snapshot().ok());
  EXPECT_FALSE(std::filesystem::exists(options_.directory + "/backup"));
}

// --- Failing disks

TEST_F(RocksDbEngineTest, AFailedSyncPoisonsUntilTheLogIsOpenedAgain) {
  for (const bool sync : {true, false}) {
    FailingDisk disk;
    options_.directory = temp_.Sub(sync ? "sync" : "write");
    options_.env = disk.env();
    {
      const std::unique_ptr<LogEngine> log = Open();
      AppendNumbered(*log, "a.b", "x", 50);
      uint64_t observed = 0;
      log->SetObserver([&](std::span<const ChunkPtr>) { ++observed; });
      sync ? disk.FailSyncs(true) : disk.FailWrites(true);
      EXPECT_EQ(log->Append(Numbered("a.b", "y", 10).events()).status().code(), absl::StatusCode::kUnavailable);
      disk.FailSyncs(false);
      disk.FailWrites(false);
      EXPECT_EQ(log->Append(Numbered("a.b", "z", 10).events()).status().code(), absl::StatusCode::kUnavailable);
      EXPECT_EQ(log->Trim({.bytes_max = 1}).code(), absl::StatusCode::kUnavailable);
      EXPECT_EQ(log->health().code(), absl::StatusCode::kUnavailable);
      EXPECT_EQ(log->bounds().head, 50u) << "what is not durable is not seen";
      EXPECT_EQ(observed, 0u);
      EXPECT_EQ(ReadAll(*log, {}).value().size(), 50u) << "reading goes on";
    }
    const std::unique_ptr<LogEngine> log = Open();
    EXPECT_TRUE(log->health().ok());
    EXPECT_GE(log->bounds().head, 50u);
    EXPECT_LE(log->bounds().head, 60u);
    EXPECT_EQ(log->Append(Numbered("a.b", "y", 10).events()).value().back().sequence, 60u);
    EXPECT_EQ(ReadAll(*log, {}).value().size(), 60u);
  }
}

TEST_F(RocksDbEngineTest, TooLittleSpaceRefusesBeforeWriting) {
  Open().reset();
  options_.free_space_bytes_min = UINT64_MAX;
  const std::unique_ptr<LogEngine> log = Open();
  EXPECT_EQ(log->Append(Numbered("a.b", "x", 1).events()).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(log->health().ok());
  EXPECT_EQ(log->bounds().head, 0u);
}

}  // namespace
}  // namespace weir::log
