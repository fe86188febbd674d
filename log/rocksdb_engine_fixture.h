// A log on disk with small segments, and its database seen from inside: for the tests of the engine.
#ifndef WEIR_LOG_ROCKSDB_ENGINE_FIXTURE_H_
#define WEIR_LOG_ROCKSDB_ENGINE_FIXTURE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "log/log_testing.h"
#include "log/rocksdb_engine.h"
#include "log/rocksdb_testing.h"
#include "rocksdb/db.h"

namespace weir::log {

class RocksDbEngineTest : public testing::Test {
 protected:
  RocksDbEngineTest();

  absl::StatusOr<std::unique_ptr<LogEngine>> TryOpen() { return OpenRocksDbLog(options_); }
  std::unique_ptr<LogEngine> Open();

  // Opening must fail so, with the directory named.
  void ExpectRefused(absl::StatusCode code, const std::string& text);

  // Ten in each commit.
  static void AppendNumbered(LogEngine& log, std::string_view topic, std::string_view prefix, size_t count);

  static std::vector<uint64_t> ReadTopic(const LogEngine& log, const std::string& topic);

  // Trims, and again until no table holds what is removed: one that is being compacted is left to the next look.
  void TrimAway(LogEngine& log, const TrimPolicy& policy);

  // The database as RocksDB sees it, while the log is closed.
  struct Inside {
    std::unique_ptr<rocksdb::DB> db;
    std::vector<rocksdb::ColumnFamilyHandle*> families;

    size_t Count(size_t family) const;
    ~Inside();
  };
  static constexpr size_t kFacts = 0;
  static constexpr size_t kEvents = 1;
  static constexpr size_t kSegments = 2;
  static constexpr size_t kPostings = 3;
  static constexpr size_t kDedupe = 4;

  std::unique_ptr<Inside> LookInside();

  struct Table {
    uint64_t file = 0;
    uint64_t first = 0;  // the smallest and the largest key
    uint64_t last = 0;
  };

  // The tables that hold events, in their order; of a log that is closed.
  std::vector<Table> EventTables() { return EventTablesIn(options_.directory + "/db"); }
  // Of one that is open, and removes files at any time: from a copy of it.
  std::vector<Table> EventTablesOf(LogEngine& log);

  TestClock clock_;
  TempDirectory temp_;
  RocksDbOptions options_;

 private:
  static std::vector<Table> EventTablesIn(const std::string& database);
};

}  // namespace weir::log

#endif  // WEIR_LOG_ROCKSDB_ENGINE_FIXTURE_H_
