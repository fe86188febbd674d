#include "log/rocksdb_engine_fixture.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "log/rocksdb_format.h"

namespace weir::log {
namespace {

using testing::HasSubstr;

std::vector<rocksdb::ColumnFamilyDescriptor> Families() {
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const char* name : {"default", format::kEvents, format::kSegments, format::kPostings, format::kDedupe}) {
    families.emplace_back(name, rocksdb::ColumnFamilyOptions());
  }
  return families;
}

}  // namespace

RocksDbEngineTest::RocksDbEngineTest() {
  options_.log = TestLogOptions(clock_);
  options_.directory = temp_.Sub("log");
  options_.free_space_bytes_min = 0;
}

std::unique_ptr<LogEngine> RocksDbEngineTest::Open() {
  auto log = TryOpen();
  EXPECT_TRUE(log.ok()) << log.status();
  return *std::move(log);
}

void RocksDbEngineTest::ExpectRefused(absl::StatusCode code, const std::string& text) {
  const absl::Status status = TryOpen().status();
  EXPECT_EQ(status.code(), code) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(options_.directory));
  EXPECT_THAT(std::string(status.message()), HasSubstr(text));
}

void RocksDbEngineTest::AppendNumbered(LogEngine& log, std::string_view topic, std::string_view prefix, size_t count) {
  for (size_t i = 0; i < count; i += 10) {
    ASSERT_TRUE(log.Append(Numbered(topic, fmt::format("{}{}-", prefix, i), 10).events()).ok());
  }
}

std::vector<uint64_t> RocksDbEngineTest::ReadTopic(const LogEngine& log, const std::string& topic) {
  const Selection selection = Select({topic});
  const auto events = ReadAll(log, {.after = log.bounds().earliest - 1, .selection = &selection});
  std::vector<uint64_t> sequences;
  for (const EventCopy& event : *events) {
    sequences.push_back(event.sequence);
  }
  return sequences;
}

void RocksDbEngineTest::TrimAway(LogEngine& log, const TrimPolicy& policy) {
  const absl::Time deadline = absl::Now() + absl::Seconds(30);
  bool left = true;
  while (left && absl::Now() < deadline) {
    ASSERT_TRUE(log.Trim(policy).ok());
    const std::vector<Table> tables = EventTablesOf(log);
    left = !tables.empty() && tables.front().first < log.bounds().earliest;
  }
  EXPECT_FALSE(left) << "what was removed stays on disk";
}

size_t RocksDbEngineTest::Inside::Count(size_t family) const {
  const std::unique_ptr<rocksdb::Iterator> it(db->NewIterator(rocksdb::ReadOptions(), families[family]));
  size_t count = 0;
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    ++count;
  }
  return count;
}

RocksDbEngineTest::Inside::~Inside() {
  for (rocksdb::ColumnFamilyHandle* family : families) {
    db->DestroyColumnFamilyHandle(family);
  }
}

std::unique_ptr<RocksDbEngineTest::Inside> RocksDbEngineTest::LookInside() {
  auto inside = std::make_unique<Inside>();
  rocksdb::DB* db = nullptr;
  EXPECT_TRUE(
      rocksdb::DB::Open(rocksdb::DBOptions(), options_.directory + "/db", Families(), &inside->families, &db).ok());
  inside->db.reset(db);
  return inside;
}

std::vector<RocksDbEngineTest::Table> RocksDbEngineTest::EventTablesOf(LogEngine& log) {
  const auto snapshot = log.Snapshot();
  EXPECT_TRUE(snapshot.ok()) << snapshot.status();
  return EventTablesIn(options_.directory + "/backup/db");
}

std::vector<RocksDbEngineTest::Table> RocksDbEngineTest::EventTablesIn(const std::string& database) {
  Inside inside;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status opened =
      rocksdb::DB::OpenForReadOnly(rocksdb::DBOptions(), database, Families(), &inside.families, &db);
  EXPECT_TRUE(opened.ok()) << opened.ToString();
  if (!opened.ok()) {
    return {};
  }
  inside.db.reset(db);
  std::vector<rocksdb::LiveFileMetaData> live;
  db->GetLiveFilesMetaData(&live);
  std::vector<Table> tables;
  for (const rocksdb::LiveFileMetaData& file : live) {
    if (file.column_family_name == format::kEvents) {
      tables.push_back({file.file_number, *format::NumberOf(file.smallestkey), *format::NumberOf(file.largestkey)});
    }
  }
  std::sort(tables.begin(), tables.end(), [](const Table& a, const Table& b) { return a.first < b.first; });
  return tables;
}

}  // namespace weir::log
