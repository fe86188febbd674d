#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "gtest/gtest.h"
#include "log/log_testing.h"
#include "log/rocksdb_engine.h"
#include "log/rocksdb_testing.h"

namespace weir::log {
namespace {

// Of a log's tables those that this process has open.
size_t OpenTables(const std::string& directory) {
  size_t count = 0;
  std::error_code ignored;
  for (const auto& open : std::filesystem::directory_iterator("/proc/self/fd")) {
    const std::string file = std::filesystem::read_symlink(open.path(), ignored);
    count += file.starts_with(directory) && file.ends_with(".sst") ? 1 : 0;
  }
  return count;
}

// Whether RocksDB goes by that bound now.
bool SaysItKeepsOpen(const std::string& directory, uint64_t tables) {
  std::string newest;
  for (const std::filesystem::path& file : DatabaseFiles(directory, "")) {
    if (file.filename().string().starts_with("OPTIONS-")) {
      newest = std::max(newest, file.string());
    }
  }
  std::ifstream file(newest);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  return text.find(fmt::format("max_open_files={}\n", tables)) != std::string::npos;
}

TEST(OpenFiles, ALogOfManyTablesHasNoMoreOpenThanItMay) {
  constexpr size_t kSegments = 100;
  constexpr size_t kOpen = 40;
  const TempDirectory temp;
  const TestClock clock;
  RocksDbOptions options = {
      .log = TestLogOptions(clock), .directory = temp.Sub("log"), .sync = SyncMode::kNever, .free_space_bytes_min = 0};
  const auto open = [&options] {
    absl::StatusOr<std::unique_ptr<LogEngine>> log = OpenRocksDbLog(options);
    EXPECT_TRUE(log.ok()) << log.status();
    return *std::move(log);
  };
  const auto append = [](LogEngine& log, const std::string& topic) {
    ASSERT_TRUE(log.Append(Numbered(topic, topic, 100).events()).ok());
  };
  const auto read = [](const LogEngine& log, const std::string& topic) {
    const Selection selection = Select({topic});
    const absl::StatusOr<std::vector<EventCopy>> events = ReadAll(log, {.selection = &selection});
    return events.ok() ? events->size() : 0;
  };
  {
    const std::unique_ptr<LogEngine> log = open();
    for (size_t i = 0; i < kSegments; ++i) {
      append(*log, fmt::format("t{}", i));
    }
  }
  ASSERT_GT(DatabaseFiles(options.directory, ".sst").size(), 2 * kOpen);
  {
    options.open_files_max = 10'000;
    const std::unique_ptr<LogEngine> log = open();
    EXPECT_GT(OpenTables(options.directory), 2 * kOpen) << "there is room for all";
    EXPECT_TRUE(SaysItKeepsOpen(options.directory, options.open_files_max)) << "and a bound for what is added";
  }

  options.open_files_max = kOpen;
  const std::unique_ptr<LogEngine> log = open();
  append(*log, "more");
  for (size_t i = 0; i < kSegments; ++i) {
    EXPECT_EQ(read(*log, fmt::format("t{}", i)), 100U);
    EXPECT_LE(OpenTables(options.directory), kOpen);
  }
  EXPECT_EQ(read(*log, "more"), 100U);
}

}  // namespace
}  // namespace weir::log
