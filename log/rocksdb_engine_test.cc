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
#include "log/rocksdb_format.h"
#include "log/rocksdb_testing.h"
#include "log/segment_index.h"
#include "rocksdb/db.h"

namespace weir::log {
namespace {

using testing::ElementsAre;
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

class RocksDbEngineTest : public testing::Test {
 protected:
  RocksDbEngineTest() {
    options_.log = TestLogOptions(clock_);
    options_.directory = temp_.Sub("log");
    options_.free_space_bytes_min = 0;
  }

  absl::StatusOr<std::unique_ptr<LogEngine>> TryOpen() { return OpenRocksDbLog(options_); }

  std::unique_ptr<LogEngine> Open() {
    auto log = TryOpen();
    EXPECT_TRUE(log.ok()) << log.status();
    return *std::move(log);
  }

  // Opening must fail so, with the directory named.
  void ExpectRefused(absl::StatusCode code, const std::string& text) {
    const absl::Status status = TryOpen().status();
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(options_.directory));
    EXPECT_THAT(std::string(status.message()), HasSubstr(text));
  }

  static void AppendNumbered(LogEngine& log, std::string_view topic, std::string_view prefix, size_t count) {
    for (size_t i = 0; i < count; i += 10) {
      ASSERT_TRUE(log.Append(Numbered(topic, fmt::format("{}{}-", prefix, i), 10).events()).ok());
    }
  }

  // The database as RocksDB sees it, while the log is closed.
  struct Inside {
    std::unique_ptr<rocksdb::DB> db;
    std::vector<rocksdb::ColumnFamilyHandle*> families;

    size_t Count(size_t family) const {
      const std::unique_ptr<rocksdb::Iterator> it(db->NewIterator(rocksdb::ReadOptions(), families[family]));
      size_t count = 0;
      for (it->SeekToFirst(); it->Valid(); it->Next()) {
        ++count;
      }
      return count;
    }
    ~Inside() {
      for (rocksdb::ColumnFamilyHandle* family : families) {
        db->DestroyColumnFamilyHandle(family);
      }
    }
  };
  static constexpr size_t kFacts = 0;
  static constexpr size_t kEvents = 1;
  static constexpr size_t kSegments = 2;
  static constexpr size_t kPostings = 3;
  static constexpr size_t kDedupe = 4;

  std::unique_ptr<Inside> LookInside() {
    auto inside = std::make_unique<Inside>();
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    for (const char* name : {"default", format::kEvents, format::kSegments, format::kPostings, format::kDedupe}) {
      families.emplace_back(name, rocksdb::ColumnFamilyOptions());
    }
    rocksdb::DB* db = nullptr;
    EXPECT_TRUE(
        rocksdb::DB::Open(rocksdb::DBOptions(), options_.directory + "/db", families, &inside->families, &db).ok());
    inside->db.reset(db);
    return inside;
  }

  TestClock clock_;
  TempDirectory temp_;
  RocksDbOptions options_;
};

std::vector<uint64_t> ReadTopic(const LogEngine& log, const std::string& topic) {
  const Selection selection = Select({topic});
  const auto events = ReadAll(log, {.after = log.bounds().earliest - 1, .selection = &selection});
  std::vector<uint64_t> sequences;
  for (const EventCopy& event : *events) {
    sequences.push_back(event.sequence);
  }
  return sequences;
}

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

// --- Segments

TEST_F(RocksDbEngineTest, ClosedSegmentsHaveTheirPostingsOnDisk) {
  {
    const std::unique_ptr<LogEngine> log = Open();
    for (int i = 0; i < 35; ++i) {
      AppendNumbered(*log, i % 2 == 0 ? "even" : "odd", fmt::format("{}-", i), 10);
    }
  }
  {
    // However far indexing had come when the log was closed, the next opening catches up.
    const std::unique_ptr<LogEngine> log = Open();
    EXPECT_EQ(ReadTopic(*log, "even").size(), 180u);
    EXPECT_EQ(ReadTopic(*log, "odd").size(), 170u);
    // The next closed segment waits behind the others.
    AppendNumbered(*log, "even", "more", 600);
  }
  const std::unique_ptr<Inside> inside = LookInside();
  EXPECT_EQ(inside->Count(kSegments), 9u);
  EXPECT_GE(inside->Count(kPostings), 6u) << "of the first three segments, on two topics";
  std::string value;
  ASSERT_TRUE(
      inside->db->Get(rocksdb::ReadOptions(), inside->families[kPostings], format::PostingsKey(101, "even"), &value)
          .ok());
  TopicPostings expected = {{"test.v1.Note", {}}};
  for (uint32_t i = 0; i < 100; ++i) {
    if (i / 10 % 2 == 0) {
      expected[0].offsets.push_back(i);
    }
  }
  EXPECT_EQ(DecodePostings(value).value(), expected);
}

// As a power cut leaves them that takes back the events, and not the postings, which were in a file of their own: one
// for a segment that has ended and is not indexed by what is known, and some beyond.
TEST_F(RocksDbEngineTest, PostingsOfEventsThatArePastAreNotBelieved) {
  AppendNumbered(*Open(), "a.b", "x", 150);
  {
    const std::unique_ptr<Inside> inside = LookInside();
    std::string value;
    const rocksdb::ReadOptions read;
    ASSERT_TRUE(inside->db->Get(read, inside->families[kSegments], format::NumberKey(1), &value).ok());
    format::SegmentRecord record = *format::DecodeSegment(format::NumberKey(1), value);
    record.indexed = false;
    const rocksdb::WriteOptions write;
    ASSERT_TRUE(inside->db->Put(write, inside->families[kSegments], format::NumberKey(1), format::Encode(record)).ok());
    for (const uint64_t segment : {1, 101, 1001}) {
      ASSERT_TRUE(inside->db
                      ->Put(write, inside->families[kPostings], format::PostingsKey(segment, "gone"),
                            EncodePostings({{"test.v1.Note", {3}}}))
                      .ok());
    }
  }
  AppendNumbered(*Open(), "a.b", "y", 600);
  {
    const std::unique_ptr<LogEngine> log = Open();
    EXPECT_THAT(ReadTopic(*log, "gone"), testing::IsEmpty());
    EXPECT_EQ(ReadTopic(*log, "a.b").size(), 750u);
  }
  const std::unique_ptr<Inside> inside = LookInside();
  std::string value;
  for (const uint64_t segment : {1, 101, 1001}) {
    EXPECT_TRUE(
        inside->db
            ->Get(rocksdb::ReadOptions(), inside->families[kPostings], format::PostingsKey(segment, "gone"), &value)
            .IsNotFound())
        << segment;
  }
}

// RocksDB takes a file of postings over by linking it, and removes our name of it last. A process that ends in between
// leaves a name that is the database's own file.
TEST_F(RocksDbEngineTest, WhatAnInterruptedIndexingLeftIsNotWrittenOver) {
  AppendNumbered(*Open(), "a.b", "x", 250);
  AppendNumbered(*Open(), "a.b", "y", 100);
  {
    const std::unique_ptr<Inside> inside = LookInside();
    std::vector<rocksdb::LiveFileMetaData> files;
    inside->db->GetLiveFilesMetaData(&files);
    const auto postings = std::find_if(files.begin(), files.end(), [](const rocksdb::LiveFileMetaData& file) {
      return file.column_family_name == format::kPostings;
    });
    ASSERT_NE(postings, files.end());
    std::filesystem::create_hard_link(options_.directory + "/db" + postings->name, options_.directory + "/sealing.sst");
  }
  AppendNumbered(*Open(), "c.d", "z", 600);
  EXPECT_EQ(ReadTopic(*Open(), "a.b").size(), 350u);
  EXPECT_EQ(ReadTopic(*Open(), "c.d").size(), 600u);
}

TEST_F(RocksDbEngineTest, ASegmentWithoutPostingsIsScannedWhenTheLogIsOpened) {
  {
    const std::unique_ptr<LogEngine> log = Open();
    AppendNumbered(*log, "a.b", "x", 350);
  }
  {
    const std::unique_ptr<Inside> inside = LookInside();
    ASSERT_TRUE(inside->db
                    ->DeleteRange(rocksdb::WriteOptions(), inside->families[kPostings], format::NumberKey(101),
                                  format::NumberKey(201))
                    .ok());
    std::string value;
    ASSERT_TRUE(
        inside->db->Get(rocksdb::ReadOptions(), inside->families[kSegments], format::NumberKey(101), &value).ok());
    format::SegmentRecord record = *format::DecodeSegment(format::NumberKey(101), value);
    record.indexed = false;
    ASSERT_TRUE(
        inside->db
            ->Put(rocksdb::WriteOptions(), inside->families[kSegments], format::NumberKey(101), format::Encode(record))
            .ok());
  }
  EXPECT_EQ(ReadTopic(*Open(), "a.b").size(), 350u);
}

TEST_F(RocksDbEngineTest, AHoleIsDataLoss) {
  {
    const std::unique_ptr<LogEngine> log = Open();
    AppendNumbered(*log, "a.b", "x", 350);
  }
  {
    const std::unique_ptr<Inside> inside = LookInside();
    ASSERT_TRUE(inside->db->Delete(rocksdb::WriteOptions(), inside->families[kEvents], format::NumberKey(311)).ok());
    ASSERT_TRUE(inside->db->Delete(rocksdb::WriteOptions(), inside->families[kEvents], format::NumberKey(21)).ok());
  }
  // In the active segment for certain; in the first one when it was not indexed in time.
  ExpectRefused(absl::StatusCode::kDataLoss, " is missing");
}

TEST_F(RocksDbEngineTest, ReadingAcrossAHoleIsDataLoss) {
  {
    const std::unique_ptr<LogEngine> log = Open();
    AppendNumbered(*log, "a.b", "x", 150);
    AppendNumbered(*log, "a.b", "y", 500);  // at most four wait: the first segment is indexed
  }
  {
    const std::unique_ptr<Inside> inside = LookInside();
    ASSERT_TRUE(inside->db->Delete(rocksdb::WriteOptions(), inside->families[kEvents], format::NumberKey(21)).ok());
  }
  const std::unique_ptr<LogEngine> log = Open();
  EXPECT_EQ(log->Read({.after = 15}).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(log->Read({.after = 100}).ok());
}

TEST_F(RocksDbEngineTest, RemovedSegmentsLeaveNothingBehind) {
  {
    const std::unique_ptr<LogEngine> log = Open();
    AppendNumbered(*log, "a.b", "x", 1'000);
    clock_.Advance(absl::Hours(2));
    ASSERT_TRUE(log->Trim({.age_max = absl::Hours(1)}).ok());
    EXPECT_EQ(log->bounds().bytes, 0u);
  }
  const std::unique_ptr<Inside> inside = LookInside();
  EXPECT_EQ(inside->Count(kEvents), 0u);
  EXPECT_EQ(inside->Count(kSegments), 0u);
  EXPECT_EQ(inside->Count(kPostings), 0u);
}

TEST_F(RocksDbEngineTest, AnInterruptedRemovalIsFinishedWhenTheLogIsOpened) {
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
  }
  const std::unique_ptr<Inside> inside = LookInside();
  EXPECT_EQ(inside->Count(kEvents), 15u);
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
