// What becomes of a log whose files are damaged: it is whole, or it is refused by a sentence that says what to do, or a
// read of the damaged place fails and the check names it. It is never silently shorter than what was acknowledged.
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "log/log_check.h"
#include "log/log_testing.h"
#include "log/rocksdb_engine.h"
#include "log/rocksdb_testing.h"

namespace weir::log {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

std::string ReadBytes(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void WriteBytes(const fs::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

void Flip(const fs::path& path, size_t at) {
  std::string bytes = ReadBytes(path);
  bytes.at(at) = static_cast<char>(bytes.at(at) ^ 0x24);
  WriteBytes(path, bytes);
}

// A log as a killed process left it, and the same after a clean stop; made once.
class DamageTest : public testing::Test {
 protected:
  enum class State { kKilled, kClosed };
  enum class Outcome { kWhole, kRefused, kUnreadable };

  static void SetUpTestSuite() {
    made_ = new TempDirectory();
    acked_ = new std::vector<uint64_t>(CrashWriter(made_->Sub("killed"), "always", "x", 805).KillWhenIdle());
    fs::copy(made_->Sub("killed"), made_->Sub("closed"), fs::copy_options::recursive);
    Open(made_->Sub("closed")).value().reset();
  }
  static void TearDownTestSuite() {
    delete made_;
    delete acked_;
  }

  static absl::StatusOr<std::unique_ptr<LogEngine>> Open(const std::string& directory) {
    RocksDbOptions options;
    options.log.segment_events_max = 200;
    options.directory = directory;
    options.free_space_bytes_min = 0;
    return OpenRocksDbLog(options);
  }

  // A fresh copy.
  std::string Make(State state) {
    const std::string directory = temp_.Sub(fmt::format("log{}", count_++));
    fs::copy(made_->Sub(state == State::kKilled ? "killed" : "closed"), directory, fs::copy_options::recursive);
    return directory;
  }

  // Checks the log, opens it, and reads all of it. `lost_max`: so many of the newest acknowledged may be gone.
  static Outcome Judge(const std::string& directory, size_t lost_max = 0) {
    const absl::StatusOr<LogReport> report = CheckLog(directory);
    EXPECT_TRUE(report.ok()) << report.status();
    const bool faulty = !report.ok() || report->faults.count() > 0;
    const auto log = Open(directory);
    if (!log.ok()) {
      EXPECT_EQ(log.status().code(), absl::StatusCode::kDataLoss) << log.status();
      EXPECT_THAT(std::string(log.status().message()), HasSubstr("`weir check-log " + directory + "`"));
      EXPECT_TRUE(faulty) << "the check finds nothing, but: " << log.status();
      return Outcome::kRefused;
    }
    const auto events = ReadAll(**log, {});
    if (!events.ok()) {
      EXPECT_EQ(events.status().code(), absl::StatusCode::kDataLoss) << events.status();
      EXPECT_TRUE(faulty) << "the check finds nothing, but: " << events.status();
      return Outcome::kUnreadable;
    }
    EXPECT_GE(events->size() + lost_max, acked_->size()) << "silently shorter";
    for (size_t i = 0; i < std::min(acked_->size(), events->size()); ++i) {
      EXPECT_EQ((*events)[i].sequence, (*acked_)[i]);
      EXPECT_EQ((*events)[i].id, fmt::format("x{}", i));
      if (HasFailure()) {
        break;
      }
    }
    return Outcome::kWhole;
  }

  static fs::path ManifestOf(const std::string& directory) {
    std::string name = ReadBytes(directory + "/db/CURRENT");
    name.pop_back();
    return fs::path(directory) / "db" / name;
  }

  static inline TempDirectory* made_ = nullptr;
  static inline std::vector<uint64_t>* acked_ = nullptr;
  TempDirectory temp_;
  int count_ = 0;
};

TEST_F(DamageTest, UndamagedLogsAreWhole) {
  for (const State state : {State::kKilled, State::kClosed}) {
    const std::string directory = Make(state);
    const absl::StatusOr<LogReport> report = CheckLog(directory);
    ASSERT_TRUE(report.ok()) << report.status();
    for (const LogFault& fault : report->faults.kept()) {
      ADD_FAILURE() << fault.ToString();
    }
    ASSERT_TRUE(report->content.has_value());
    EXPECT_GE(report->content->events, acked_->size());
    EXPECT_EQ(report->content->earliest, 1u);
    EXPECT_EQ(report->content->head, report->content->events);
    EXPECT_EQ(report->content->segments, (report->content->events + 199) / 200);
    EXPECT_EQ(report->epoch.size(), 8u);
    EXPECT_EQ(Judge(directory), Outcome::kWhole);
    EXPECT_EQ(Judge(directory), Outcome::kWhole);
  }
}

TEST_F(DamageTest, AWrongByteInTheWriteAheadLogIsNeverSkipped) {
  const std::string original = Make(State::kKilled);
  for (const fs::path& wal : DatabaseFiles(original, ".log")) {
    const size_t size = fs::file_size(wal);
    for (size_t at = 0; at < size; at += 1 + size / 41) {
      const std::string directory = Make(State::kKilled);
      Flip(fs::path(directory) / "db" / wal.filename(), at);
      Judge(directory);
      ASSERT_FALSE(HasFailure()) << wal << " byte " << at;
      fs::remove_all(directory);
    }
    // All of the last write's header, and what is before it.
    for (size_t back = 1; back < std::min<size_t>(size, 60); ++back) {
      const std::string directory = Make(State::kKilled);
      Flip(fs::path(directory) / "db" / wal.filename(), size - back);
      EXPECT_EQ(Judge(directory), Outcome::kRefused);
      ASSERT_FALSE(HasFailure()) << wal << " byte " << size - back;
      fs::remove_all(directory);
    }
  }
}

TEST_F(DamageTest, AWriteAheadLogThatIsCutLosesOnlyTheWriteThatIsCut) {
  for (const size_t bytes : {1, 5, 20}) {
    const std::string directory = Make(State::kKilled);
    const fs::path wal = DatabaseFiles(directory, ".log").back();
    fs::resize_file(wal, fs::file_size(wal) - bytes);
    EXPECT_GT(CheckLog(directory)->unfinished_bytes, 0u);
    EXPECT_EQ(Judge(directory, 7), Outcome::kWhole);
  }
}

TEST_F(DamageTest, ZerosInTheWriteAheadLogAreRefused) {
  const std::string directory = Make(State::kKilled);
  const fs::path wal = DatabaseFiles(directory, ".log").back();
  std::string bytes = ReadBytes(wal);
  ASSERT_GT(bytes.size(), 2'000u);
  bytes.replace(bytes.size() / 2, 512, 512, '\0');
  WriteBytes(wal, bytes);
  EXPECT_EQ(Judge(directory), Outcome::kRefused);
}

TEST_F(DamageTest, AMissingFileIsRefusedUnlessItIsOfNoImportance) {
  for (const State state : {State::kKilled, State::kClosed}) {
    const std::string original = Make(state);
    for (const auto& entry : fs::directory_iterator(original + "/db")) {
      const std::string name = entry.path().filename();
      const std::string directory = Make(state);
      fs::remove(directory + "/db/" + name);
      const Outcome outcome = Judge(directory);
      // A table that a compaction has replaced, and that the kill left, is of none. Judge has seen that nothing is
      // missing.
      const bool may_be_left = state == State::kKilled && name.ends_with(".sst") && outcome == Outcome::kWhole;
      const bool matters = !may_be_left && (name == "CURRENT" || name.starts_with("MANIFEST") ||
                                            name.ends_with(".sst") || name.ends_with(".log"));
      EXPECT_EQ(outcome == Outcome::kRefused, matters) << name << (state == State::kKilled ? " killed" : " closed");
      fs::remove_all(directory);
    }
  }
}

TEST_F(DamageTest, AMissingDatabaseIsNoNewLog) {
  for (const State state : {State::kKilled, State::kClosed}) {
    const std::string directory = Make(state);
    fs::remove_all(directory + "/db");
    EXPECT_EQ(Judge(directory), Outcome::kRefused);
    EXPECT_THAT(CheckLog(directory)->faults.kept().at(0).ToString(), HasSubstr("db: the directory is missing"));
    EXPECT_FALSE(fs::exists(directory + "/db"));
  }
}

TEST_F(DamageTest, AManifestThatIsCutIsRefusedOrTheLogIsWhole) {
  for (const State state : {State::kKilled, State::kClosed}) {
    const size_t size = fs::file_size(ManifestOf(Make(state)));
    size_t refused = 0;
    for (size_t left = 0; left < size; left += 1 + size / 61) {
      const std::string directory = Make(state);
      fs::resize_file(ManifestOf(directory), left);
      refused += Judge(directory) == Outcome::kRefused ? 1 : 0;
      ASSERT_FALSE(HasFailure()) << left << " of " << size << (state == State::kKilled ? " killed" : " closed");
      fs::remove_all(directory);
    }
    EXPECT_GT(refused, 10u);
  }
}

TEST_F(DamageTest, AWrongByteInTheManifestIsRefusedOrTheLogIsWhole) {
  for (const State state : {State::kKilled, State::kClosed}) {
    const size_t size = fs::file_size(ManifestOf(Make(state)));
    for (size_t at = 0; at < size; at += 1 + size / 61) {
      const std::string directory = Make(state);
      Flip(ManifestOf(directory), at);
      Judge(directory);
      ASSERT_FALSE(HasFailure()) << at << " of " << size;
      fs::remove_all(directory);
    }
  }
}

TEST_F(DamageTest, ATableThatIsCutIsRefused) {
  const std::string original = Make(State::kClosed);
  for (const fs::path& table : DatabaseFiles(original, ".sst")) {
    const std::string directory = Make(State::kClosed);
    const fs::path damaged = fs::path(directory) / "db" / table.filename();
    fs::resize_file(damaged, fs::file_size(damaged) / 2);
    EXPECT_EQ(Judge(directory), Outcome::kRefused) << table;
    fs::remove_all(directory);
  }
}

TEST_F(DamageTest, AWrongByteInATableIsNeverReadAsAnEvent) {
  const std::string original = Make(State::kClosed);
  size_t noticed = 0;
  for (const fs::path& table : DatabaseFiles(original, ".sst")) {
    const size_t size = fs::file_size(table);
    for (size_t at = 0; at < size; at += 1 + size / 5) {
      const std::string directory = Make(State::kClosed);
      Flip(fs::path(directory) / "db" / table.filename(), at);
      noticed += Judge(directory) == Outcome::kWhole ? 0 : 1;
      ASSERT_FALSE(HasFailure()) << table << " byte " << at;
      fs::remove_all(directory);
    }
  }
  EXPECT_GT(noticed, 10u);
}

// --- The repair of the end

class TailRepairTest : public DamageTest {
 protected:
  static std::string Garbage(size_t size) {
    std::mt19937_64 random(11);
    std::string bytes;
    while (bytes.size() < size) {
      bytes.push_back(static_cast<char>(random()));
    }
    return bytes;
  }

  // A write whose length reached the disk, and whose content did not.
  static void AppendUnwritten(const fs::path& wal) {
    std::string record = Garbage(7 + 200);
    record[4] = static_cast<char>(200);
    record[5] = 0;
    record[6] = 1;
    std::ofstream(wal, std::ios::binary | std::ios::app) << record;
  }
};

TEST_F(TailRepairTest, CutsGarbageKeepsItAndDemandsANewEpoch) {
  const std::string directory = Make(State::kKilled);
  const std::string epoch = CheckLog(directory)->epoch;
  const uint64_t head = CheckLog(directory)->content->head;
  const fs::path wal = DatabaseFiles(directory, ".log").back();
  const std::string before = ReadBytes(wal);
  AppendUnwritten(wal);
  const std::string after = ReadBytes(wal);
  EXPECT_EQ(Judge(directory), Outcome::kRefused);
  EXPECT_THAT(CheckLog(directory)->faults.kept().at(0).ToString(), HasSubstr("--repair-tail"));

  const absl::StatusOr<TailRepair> repair = RepairTail(directory);
  ASSERT_TRUE(repair.ok()) << repair.status();
  ASSERT_EQ(repair->cuts.size(), 1u);
  EXPECT_EQ(repair->cuts[0].file, "db/" + wal.filename().string());
  EXPECT_EQ(repair->cuts[0].offset, before.size());
  EXPECT_EQ(repair->cuts[0].bytes, 207u);
  EXPECT_EQ(ReadBytes(directory + "/" + repair->cuts[0].copy), after.substr(before.size()));
  EXPECT_EQ(repair->next_sequence, head + 1);
  EXPECT_TRUE(CheckLog(directory)->new_epoch);
  EXPECT_EQ(Judge(directory), Outcome::kWhole);
  const absl::StatusOr<LogReport> repaired = CheckLog(directory);
  EXPECT_NE(repaired->epoch, epoch) << "what was acknowledged may be gone: readers must be told";
  EXPECT_FALSE(repaired->new_epoch);
  EXPECT_EQ(repaired->content->head, head);
}

TEST_F(TailRepairTest, TheLastWriteIsCutWhenItIsDamaged) {
  const std::string directory = Make(State::kKilled);
  const uint64_t head = CheckLog(directory)->content->head;
  const fs::path wal = DatabaseFiles(directory, ".log").back();
  Flip(wal, fs::file_size(wal) - 3);
  const absl::StatusOr<TailRepair> repair = RepairTail(directory);
  ASSERT_TRUE(repair.ok()) << repair.status();
  EXPECT_EQ(repair->next_sequence, head - 6) << "the last write was of seven events";
  EXPECT_EQ(Judge(directory, 7), Outcome::kWhole);
}

TEST_F(TailRepairTest, CutsGarbageOffTheManifestWhereNothingIsLostByIt) {
  for (const State state : {State::kKilled, State::kClosed}) {
    const std::string directory = Make(state);
    AppendUnwritten(ManifestOf(directory));
    EXPECT_EQ(Judge(directory), Outcome::kRefused);
    EXPECT_THAT(CheckLog(directory)->faults.kept().at(0).ToString(), HasSubstr("--repair-tail"));
    const absl::StatusOr<TailRepair> repair = RepairTail(directory);
    ASSERT_TRUE(repair.ok()) << repair.status();
    EXPECT_EQ(repair->cuts.at(0).bytes, 207u);
    EXPECT_EQ(Judge(directory), Outcome::kWhole);
  }
}

TEST_F(TailRepairTest, AManifestThatIsDamagedWhereItMattersIsLeftAsItIs) {
  const std::string directory = Make(State::kClosed);
  const fs::path manifest = ManifestOf(directory);
  Flip(manifest, fs::file_size(manifest) - 20);
  // Earlier records end the file now, but for the garbage: the tables of the newest are unknown.
  const std::string before = ReadBytes(manifest);
  bool refused = false;
  for (size_t at = fs::file_size(manifest) - 1; at > 100 && !refused; --at) {
    WriteBytes(manifest, before.substr(0, at));
    Flip(manifest, at - 1);
    const std::string damaged = ReadBytes(manifest);
    const absl::StatusOr<TailRepair> repair = RepairTail(directory);
    if (repair.ok()) {
      // What was cut did not matter; the next try begins anew.
      for (const CutTail& cut : repair->cuts) {
        fs::remove(directory + "/" + cut.copy);
      }
      continue;
    }
    refused = true;
    EXPECT_EQ(repair.status().code(), absl::StatusCode::kDataLoss) << repair.status();
    EXPECT_EQ(ReadBytes(manifest), damaged);
    EXPECT_FALSE(std::any_of(fs::directory_iterator(directory), fs::directory_iterator(),
                             [](const auto& entry) { return entry.path().filename().string().starts_with("cut-"); }));
  }
  EXPECT_TRUE(refused);
}

TEST_F(TailRepairTest, AGoodLogIsLeftAlone) {
  for (const State state : {State::kKilled, State::kClosed}) {
    const std::string directory = Make(state);
    const absl::StatusOr<TailRepair> repair = RepairTail(directory);
    ASSERT_TRUE(repair.ok()) << repair.status();
    EXPECT_TRUE(repair->cuts.empty());
    EXPECT_FALSE(CheckLog(directory)->new_epoch);
    EXPECT_EQ(Judge(directory), Outcome::kWhole);
  }
}

// One was interrupted after it had made its copy, or when that was half made.
TEST_F(TailRepairTest, GoesOnWhereOneBeforeWasInterrupted) {
  const std::string directory = Make(State::kKilled);
  const fs::path wal = DatabaseFiles(directory, ".log").back();
  const std::string name = fmt::format("{}/cut-{}-{}", directory, wal.filename().string(), fs::file_size(wal));
  AppendUnwritten(wal);
  WriteBytes(name, "half");
  const absl::StatusOr<TailRepair> repair = RepairTail(directory);
  ASSERT_TRUE(repair.ok()) << repair.status();
  EXPECT_EQ(directory + "/" + repair->cuts.at(0).copy, name + ".1");
  EXPECT_EQ(fs::file_size(name + ".1"), 207u);
  EXPECT_EQ(ReadBytes(name), "half");
  EXPECT_EQ(Judge(directory), Outcome::kWhole);
}

// The copy finds no room: a process may write no more than so many bytes to a file.
TEST_F(TailRepairTest, LeavesNothingBehindWhenThereIsNoRoom) {
  const std::string directory = Make(State::kKilled);
  const fs::path manifest = ManifestOf(directory);
  const fs::path wal = DatabaseFiles(directory, ".log").back();
  AppendUnwritten(manifest);
  std::ofstream(wal, std::ios::binary | std::ios::app) << Garbage(60'000);
  const std::string manifest_before = ReadBytes(manifest);
  const std::string wal_before = ReadBytes(wal);
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  const rlim_t unlimited = std::exchange(limit.rlim_cur, 50'000);
  signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  const absl::StatusOr<TailRepair> repair = RepairTail(directory);
  limit.rlim_cur = unlimited;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  EXPECT_EQ(repair.status().code(), absl::StatusCode::kUnavailable) << repair.status();
  EXPECT_EQ(ReadBytes(manifest), manifest_before) << "the first cut is put back";
  EXPECT_EQ(ReadBytes(wal), wal_before);
  EXPECT_FALSE(fs::exists(directory + "/NEW-EPOCH"));
  for (const auto& entry : fs::directory_iterator(directory)) {
    EXPECT_FALSE(entry.path().filename().string().starts_with("cut-")) << entry.path();
  }
  const absl::StatusOr<TailRepair> again = RepairTail(directory);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->cuts.size(), 2u);
  EXPECT_EQ(Judge(directory), Outcome::kWhole);
}

TEST_F(TailRepairTest, DamageInTheMiddleIsNotRepaired) {
  const std::string directory = Make(State::kKilled);
  const fs::path wal = DatabaseFiles(directory, ".log").back();
  Flip(wal, fs::file_size(wal) / 2);
  const std::string before = ReadBytes(wal);
  EXPECT_EQ(RepairTail(directory).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ReadBytes(wal), before);
  EXPECT_FALSE(fs::exists(directory + "/NEW-EPOCH"));
}

TEST_F(TailRepairTest, OnlyOneMayHaveTheLog) {
  const std::string directory = Make(State::kClosed);
  const auto log = Open(directory);
  ASSERT_TRUE(log.ok());
  for (const absl::Status& status : {CheckLog(directory).status(), RepairTail(directory).status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()), HasSubstr("in use by another process; stop the server first"));
  }
}

TEST_F(TailRepairTest, WhatHoldsNoLogIsNotTouched) {
  fs::create_directory(temp_.Sub("empty"));
  for (const std::string name : {"empty", "nothing"}) {
    EXPECT_EQ(CheckLog(temp_.Sub(name)).status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(RepairTail(temp_.Sub(name)).status().code(), absl::StatusCode::kFailedPrecondition);
  }
  EXPECT_TRUE(fs::is_empty(temp_.Sub("empty")));
  EXPECT_FALSE(fs::exists(temp_.Sub("nothing")));
}

}  // namespace
}  // namespace weir::log
