// What retention and forgetting remove from a log on disk, and what they leave alone.
#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "log/log_check.h"
#include "log/record_file.h"
#include "log/rocksdb_engine_fixture.h"
#include "log/rocksdb_format.h"
#include "rocksdb/db.h"
#include "rocksdb/write_batch.h"

namespace weir::log {
namespace {

using Outcome = AppendResult::Outcome;

TEST_F(RocksDbEngineTest, RemovedSegmentsLeaveNothingBehind) {
  {
    const std::unique_ptr<LogEngine> log = Open();
    AppendNumbered(*log, "a.b", "x", 1'000);
    clock_.Advance(absl::Hours(2));
    TrimAway(*log, {.age_max = absl::Hours(1)});
    EXPECT_EQ(log->bounds().bytes, 0u);
  }
  const std::unique_ptr<Inside> inside = LookInside();
  EXPECT_EQ(inside->Count(kEvents), 0u);
  EXPECT_EQ(inside->Count(kSegments), 0u);
  EXPECT_EQ(inside->Count(kPostings), 0u);
}

TEST_F(RocksDbEngineTest, ATableAcrossTheNewBeginningIsCut) {
  for (const int round : {1, 2}) {
    const std::unique_ptr<LogEngine> log = Open();
    AppendNumbered(*log, "a.b", fmt::format("{}-", round), 350);
  }
  uint64_t earliest = 0;
  {
    const std::unique_ptr<LogEngine> log = Open();
    const uint64_t bytes = log->bounds().bytes;
    // Where a table ends depends on when a segment's index was written: some beginning lies within one.
    bool across = false;
    for (uint64_t percent = 90; percent > 10 && !across; percent -= 10) {
      const std::vector<Table> before = EventTablesOf(*log);
      TrimAway(*log, {.bytes_max = bytes * percent / 100});
      earliest = log->bounds().earliest;
      across = std::any_of(before.begin(), before.end(),
                           [earliest](const Table& table) { return table.first < earliest && earliest <= table.last; });
    }
    EXPECT_TRUE(across) << "or there is nothing to cut";
    EXPECT_EQ(ReadTopic(*log, "a.b").size(), 701 - earliest);
  }
  const std::vector<Table> tables = EventTables();
  ASSERT_FALSE(tables.empty());
  EXPECT_EQ(tables.front().first, earliest);
  const std::unique_ptr<LogEngine> log = Open();
  EXPECT_EQ(ReadTopic(*log, "a.b").size(), 701 - earliest);
}

TEST_F(RocksDbEngineTest, RemovingTheOldestRewritesNothingOfWhatStays) {
  {
    const std::unique_ptr<LogEngine> log = Open();
    AppendNumbered(*log, "a.b", "x", 1'950);
  }
  const std::vector<Table> before = EventTables();
  const Table& newest = before.back();
  const uint64_t kept = newest.last;
  {
    const std::unique_ptr<LogEngine> log = Open();
    const uint64_t bytes_max = log->bounds().bytes;
    // More segments than wait for their maintenance, and more tables than RocksDB leaves as they are.
    for (int i = 0; i < 12; ++i) {
      AppendNumbered(*log, "a.b", fmt::format("{}-", i), 100);
      ASSERT_TRUE(log->Trim({.bytes_max = bytes_max}).ok());
    }
    ASSERT_LT(log->bounds().earliest, newest.first);
    ASSERT_GT(log->bounds().earliest, 1'000u);
  }
  const std::vector<Table> after = EventTables();
  EXPECT_TRUE(std::any_of(after.begin(), after.end(),
                          [&](const Table& table) { return table.file == newest.file && table.last == kept; }))
      << "the table of event " << kept << " is another one now";
}

TEST_F(RocksDbEngineTest, AnInterruptedRemovalIsFinishedByTheNextTrim) {
  {
    const std::unique_ptr<LogEngine> log = Open();
    AppendNumbered(*log, "a.b", "x", 350);
  }
  {
    // As a crash leaves it: said, not done.
    const std::unique_ptr<Inside> inside = LookInside();
    rocksdb::WriteBatch batch;
    batch.Put(inside->families[kFacts], rocksdb::Slice(format::kTrimmedKey.data(), format::kTrimmedKey.size()),
              format::Encode(format::Trimmed{201, clock_.millis()}));
    batch.Delete(inside->families[kSegments], format::NumberKey(1));
    batch.Delete(inside->families[kSegments], format::NumberKey(101));
    ASSERT_TRUE(inside->db->Write(rocksdb::WriteOptions(), &batch).ok());
  }
  {
    const std::unique_ptr<LogEngine> log = Open();
    EXPECT_EQ(log->bounds().earliest, 201u);
    EXPECT_EQ(ReadTopic(*log, "a.b").size(), 150u);
    TrimAway(*log, {.bytes_max = log->bounds().bytes});
    EXPECT_EQ(log->bounds().earliest, 201u);
  }
  const std::unique_ptr<Inside> inside = LookInside();
  EXPECT_EQ(inside->Count(kEvents), 15u);
}

// The events are gone with their tables: whatever becomes of the write-ahead log, they must not be claimed.
TEST_F(RocksDbEngineTest, WhatIsRemovedStaysRemovedWhenTheWriteAheadLogLosesItsEnd) {
  FailingDisk disk;
  options_.env = disk.env();
  AppendNumbered(*Open(), "a.b", "x", 450);
  // Or a segment that is indexed later would have all written into tables.
  const auto all_indexed = [&] {
    const std::unique_ptr<Inside> inside = LookInside();
    const std::unique_ptr<rocksdb::Iterator> it(
        inside->db->NewIterator(rocksdb::ReadOptions(), inside->families[kSegments]));
    bool all = true;
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      all = all && format::DecodeSegment(it->key().ToStringView(), it->value().ToStringView())->indexed;
    }
    return all;
  };
  const absl::Time deadline = absl::Now() + absl::Seconds(30);
  while (!all_indexed() && absl::Now() < deadline) {
    Open()->Snapshot().status().IgnoreError();
  }
  ASSERT_TRUE(all_indexed());
  {
    const std::unique_ptr<LogEngine> log = Open();
    ASSERT_TRUE(log->Trim({.bytes_max = log->bounds().bytes / 2}).ok());
    ASSERT_EQ(log->bounds().earliest, 201u);
    // So that closing it writes nothing, as when the process is killed.
    disk.FailWrites(true);
    EXPECT_FALSE(log->Append(Numbered("a.b", "y", 10).events()).ok());
  }
  disk.FailWrites(false);
  bool found = false;
  for (const std::filesystem::path& wal : DatabaseFiles(options_.directory, ".log")) {
    uint64_t end = found ? 0 : std::filesystem::file_size(wal);
    ASSERT_TRUE(ReadRecordFile(wal, [&](uint64_t offset, std::string_view record) {
                  if (!found && record.find(format::kTrimmedKey) != std::string_view::npos) {
                    found = true;
                    end = offset;
                  }
                }).ok());
    std::filesystem::resize_file(wal, end);
  }
  ASSERT_TRUE(found);
  const absl::StatusOr<LogReport> report = CheckLog(options_.directory);
  ASSERT_TRUE(report.ok()) << report.status();
  for (const LogFault& fault : report->faults.kept()) {
    ADD_FAILURE() << fault.ToString();
  }
  const std::unique_ptr<LogEngine> log = Open();
  EXPECT_EQ(log->bounds().earliest, 201u);
  EXPECT_EQ(ReadTopic(*log, "a.b").size(), 250u);
}

// Compactions leave out what is removed, but no compaction has to come.
TEST_F(RocksDbEngineTest, ARepairCountsNotFromARemovedEvent) {
  AppendNumbered(*Open(), "a.b", "x", 150);
  std::string chunk;
  {
    const std::unique_ptr<Inside> inside = LookInside();
    ASSERT_TRUE(inside->db->Get(rocksdb::ReadOptions(), inside->families[kEvents], format::NumberKey(1), &chunk).ok());
  }
  {
    const std::unique_ptr<LogEngine> log = Open();
    clock_.Advance(absl::Hours(2));
    TrimAway(*log, {.age_max = absl::Hours(1)});
    ASSERT_EQ(log->bounds().earliest, 151u);
  }
  {
    const std::unique_ptr<Inside> inside = LookInside();
    ASSERT_TRUE(inside->db->Put(rocksdb::WriteOptions(), inside->families[kEvents], format::NumberKey(1), chunk).ok());
  }
  const absl::StatusOr<TailRepair> repair = RepairTail(options_.directory);
  ASSERT_TRUE(repair.ok()) << repair.status();
  EXPECT_EQ(repair->next_sequence, 151u);
  EXPECT_EQ(Open()->Append(Numbered("a.b", "y", 10).events()).value()[0].sequence, 151u);
}

TEST_F(RocksDbEngineTest, ForgottenIdsAreRemoved) {
  options_.log.idempotence_events_max = 200;
  {
    const std::unique_ptr<LogEngine> log = Open();
    AppendNumbered(*log, "a.b", "x", 2'000);
  }
  EXPECT_LE(LookInside()->Count(kDedupe), 80u) << "of 200 commits; some segments may wait for their maintenance";
}

TEST_F(RocksDbEngineTest, IdsOfACommitThatIsForgottenInPartAreKept) {
  options_.log.idempotence_events_max = 200;
  const TestBatch commit = Numbered("a.b", "y", 100);
  {
    const std::unique_ptr<LogEngine> log = Open();
    ASSERT_TRUE(log->Append(Numbered("a.b", "x", 90).events()).ok());
    ASSERT_TRUE(log->Append(commit.events()).ok());
    // Forgets the first hundred, and with them ten of the commit.
    ASSERT_TRUE(log->Append(Numbered("a.b", "z", 11).events()).ok());
    // Many segments end, so that the last Append waits for the maintenance of most.
    const TrimPolicy policy = {.age_max = absl::Seconds(80)};
    for (int i = 0; i < 6; ++i) {
      ASSERT_TRUE(log->Append(Numbered("a.b", fmt::format("{}-", i), 1).events()).ok());
      clock_.Advance(absl::Seconds(11));
      ASSERT_TRUE(log->Trim(policy).ok());
    }
    ASSERT_TRUE(log->Append(commit.events()).ok());
  }
  const auto results = Open()->Append(commit.events().last(50));
  ASSERT_TRUE(results.ok());
  for (const AppendResult& result : *results) {
    EXPECT_EQ(result.outcome, Outcome::kDuplicate);
  }
}

}  // namespace
}  // namespace weir::log
