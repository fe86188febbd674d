// What a power cut leaves of a log: with sync mode `always` everything that was acknowledged, in its place.
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "log/forgetful_disk.h"
#include "log/log_check.h"
#include "log/log_testing.h"
#include "log/rocksdb_engine.h"
#include "log/rocksdb_format.h"
#include "log/rocksdb_store.h"
#include "log/rocksdb_testing.h"

namespace {

// Which directories and files this program has synced.
std::mutex synced_mutex;
std::set<std::string> synced;

}  // namespace

// In the place of the library's, also for RocksDB.
extern "C" int fsync(int file) {
  std::string path(4096, '\0');
  const ssize_t size = readlink(fmt::format("/proc/self/fd/{}", file).c_str(), path.data(), path.size());
  {
    const std::lock_guard lock(synced_mutex);
    synced.insert(path.substr(0, static_cast<size_t>(std::max<ssize_t>(size, 0))));
  }
  return static_cast<int>(syscall(SYS_fsync, file));
}

namespace weir::log {
namespace {

class PowerCutTest : public testing::Test {
 protected:
  PowerCutTest() {
    options_.log.segment_events_max = 60;
    options_.directory = temp_.Sub("log");
    options_.free_space_bytes_min = 0;
  }

  // Appends to the log until the power goes: adds what was acknowledged.
  void Live(ForgetfulDisk& disk) {
    RocksDbOptions options = options_;
    options.env = disk.env();
    const auto log = OpenRocksDbLog(options);
    while (log.ok()) {
      TestBatch batch;
      for (int i = 0; i < 5; ++i) {
        batch.Add({.topic = fmt::format("t.{}", i), .id = fmt::format("x{}", next_id_++)});
      }
      const auto results = (*log)->Append(batch.events());
      if (!results.ok()) {
        EXPECT_EQ(results.status().code(), absl::StatusCode::kUnavailable);
        break;
      }
      for (size_t i = 0; i < results->size(); ++i) {
        ASSERT_EQ((*results)[i].outcome, AppendResult::Outcome::kStored);
        acked_.push_back({(*results)[i].sequence, next_id_ - 5 + i});
      }
      if (!(*log)->Trim(retention_).ok()) {
        break;
      }
    }
    EXPECT_TRUE(disk.cut()) << log.status();
  }

  // But for what retention removed.
  void ExpectAcknowledged(const LogEngine& log) {
    const uint64_t earliest = log.bounds().earliest;
    const auto events = ReadAll(log, {.after = earliest - 1});
    ASSERT_TRUE(events.ok()) << events.status();
    ASSERT_EQ(events->size(), log.bounds().head + 1 - earliest) << "in order, without holes";
    for (const auto& [sequence, id] : acked_) {
      ASSERT_LE(sequence, log.bounds().head);
      if (sequence >= earliest) {
        ASSERT_EQ((*events)[sequence - earliest].id, fmt::format("x{}", id));
      }
    }
  }

  void LiveAndDieOften();

  TempDirectory temp_;
  RocksDbOptions options_;
  TrimPolicy retention_;
  uint64_t next_id_ = 0;
  std::vector<std::pair<uint64_t, uint64_t>> acked_;  // sequence, number of the id
};

void PowerCutTest::LiveAndDieOften() {
  using Unsynced = ForgetfulDisk::Unsynced;
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937_64 random(seed);
  std::string epoch;
  for (int life = 0; life < 16; ++life) {
    ForgetfulDisk disk(random() % 90);
    Live(disk);
    const auto unsynced = static_cast<Unsynced>(random() % 3);
    disk.Forget(unsynced, random);
    SCOPED_TRACE(fmt::format("life {}, unsynced {}", life, static_cast<int>(unsynced)));
    auto log = OpenRocksDbLog(options_);
    if (!log.ok() && unsynced == Unsynced::kGarbage) {
      ASSERT_EQ(log.status().code(), absl::StatusCode::kDataLoss) << log.status();
      const auto repair = RepairTail(options_.directory);
      ASSERT_TRUE(repair.ok()) << log.status() << repair.status();
      epoch.clear();
      log = OpenRocksDbLog(options_);
    }
    ASSERT_TRUE(log.ok()) << log.status();
    ExpectAcknowledged(**log);
    if (HasFatalFailure()) {
      return;
    }
    const std::string now((*log)->bounds().epoch.text());
    EXPECT_TRUE(epoch.empty() || epoch == now || acked_.empty()) << "nothing was lost, so readers go on";
    epoch = now;
    log->reset();
    const auto report = CheckLog(options_.directory);
    ASSERT_TRUE(report.ok());
    for (const LogFault& fault : report->faults.kept()) {
      ADD_FAILURE() << fault.ToString();
    }
  }
  EXPECT_GT(acked_.size(), 200u);
}

TEST_F(PowerCutTest, EveryAcknowledgedEventIsThere) { LiveAndDieOften(); }

// What is left of the tables and of the write-ahead log must agree on where the log begins.
TEST_F(PowerCutTest, WhatRetentionRemovedIsNotClaimed) {
  retention_.bytes_max = 30'000;
  LiveAndDieOften();
  const auto log = OpenRocksDbLog(options_);
  ASSERT_TRUE(log.ok()) << log.status();
  EXPECT_GT((*log)->bounds().earliest, 1u);
}

// Whole tables go at once, and for good; the keys beside them must not come back without those between.
TEST_F(PowerCutTest, ARangeIsRemovedWithoutLeavingAHole) {
  ForgetfulDisk disk(UINT64_MAX);
  {
    const auto store = RocksDbStore::Open(*LogDirectory::Claim(options_.directory), UINT64_MAX, disk.env(),
                                          [](const absl::Status&) {});
    ASSERT_TRUE(store.ok()) << store.status();
    rocksdb::ColumnFamilyHandle* const family = (*store)->dedupe();
    uint64_t key = 0;
    for (int table = 0; table < 3; ++table) {
      rocksdb::WriteBatch batch;
      for (int i = 0; i < 10; ++i) {
        batch.Put(family, format::NumberKey(++key), "12345678");
      }
      ASSERT_TRUE((*store)->Write(batch, /*sync=*/true).ok());
      ASSERT_TRUE((*store)->Flush().ok());
      rocksdb::ColumnFamilyMetaData tables;
      (*store)->db().GetColumnFamilyMetaData(family, &tables);
      ASSERT_THAT(tables.levels.front().files, testing::SizeIs(1));
      ASSERT_TRUE((*store)
                      ->db()
                      .CompactFiles(rocksdb::CompactionOptions(), family, {tables.levels.front().files.front().name},
                                    tables.levels.back().level)
                      .ok());
    }
    ASSERT_TRUE((*store)->RemoveRange(family, 5, 25).ok());
    disk.Cut();
  }
  std::mt19937_64 random(5);
  disk.Forget(ForgetfulDisk::Unsynced::kGone, random);
  const auto store =
      RocksDbStore::Open(*LogDirectory::Claim(options_.directory), UINT64_MAX, nullptr, [](const absl::Status&) {});
  ASSERT_TRUE(store.ok()) << store.status();
  std::vector<uint64_t> left;
  const auto it = (*store)->Iterate((*store)->dedupe());
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    left.push_back(*format::NumberOf(TextOf(it->key())));
  }
  EXPECT_THAT(left, testing::ElementsAre(1, 2, 3, 4, 25, 26, 27, 28, 29, 30));
}

TEST_F(PowerCutTest, WithoutSyncTheLogMayBeShorterAndHasANewEpoch) {
  std::mt19937_64 random(5);
  options_.sync = SyncMode::kNever;
  ForgetfulDisk disk(UINT64_MAX);
  std::string before;
  {
    RocksDbOptions options = options_;
    options.env = disk.env();
    const auto log = OpenRocksDbLog(options);
    ASSERT_TRUE(log.ok()) << log.status();
    before = (*log)->bounds().epoch.text();
    ASSERT_TRUE((*log)->Append(Numbered("a.b", "x", 30).events()).ok());
    disk.Cut();
  }
  disk.Forget(ForgetfulDisk::Unsynced::kGone, random);
  const auto log = OpenRocksDbLog(options_);
  ASSERT_TRUE(log.ok()) << log.status();
  EXPECT_EQ((*log)->bounds().head, 0u);
  EXPECT_NE((*log)->bounds().epoch.text(), before);
}

TEST_F(PowerCutTest, ANewLogsNamesAreOnDiskAtOnce) {
  const std::string parent = std::filesystem::canonical(temp_.path());
  {
    const std::lock_guard lock(synced_mutex);
    synced.clear();
  }
  const auto log = OpenRocksDbLog(options_);
  ASSERT_TRUE(log.ok()) << log.status();
  const std::lock_guard lock(synced_mutex);
  EXPECT_THAT(synced, testing::IsSupersetOf({parent, parent + "/log", parent + "/log/db"}));
}

}  // namespace
}  // namespace weir::log
