// Appends to a log on disk and prints the sequence of every event once it is acknowledged, until it is killed:
//   log_crash_writer DIRECTORY always|never PREFIX [COUNT]
// Event ids are PREFIX and a number that counts from 0. With COUNT it lets each segment that has ended be indexed
// before it goes on, appends 98 more events after so many, which must just have begun a segment, and then only waits:
// its write-ahead log holds those and what began the segment.
#include <unistd.h>

#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <set>
#include <string>

#include "fmt/format.h"
#include "log/log_testing.h"
#include "log/rocksdb_engine.h"

namespace {

constexpr int kSegmentEvents = 200;
constexpr int kBatchEvents = 7;

// The names of the write-ahead logs, the oldest first.
std::set<std::string> WriteAheadLogs(const std::string& directory) {
  std::set<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(directory + "/db")) {
    if (file.path().extension() == ".log") {
      names.insert(file.path().filename());
    }
  }
  return names;
}

// Waits until a segment is indexed: all before lies in tables then, and a new write-ahead log is the only one.
void AwaitAnother(const std::string& directory, const std::string& than) {
  for (;;) {
    const std::set<std::string> logs = WriteAheadLogs(directory);
    if (logs.size() == 1 && *logs.begin() > than) {
      return;
    }
    usleep(1'000);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4 && argc != 5) {
    return 2;
  }
  const int count = argc == 5 ? std::atoi(argv[4]) : INT_MAX - 98;
  weir::log::RocksDbOptions options;
  options.log.segment_events_max = kSegmentEvents;
  options.directory = argv[1];
  options.sync = std::strcmp(argv[2], "always") == 0 ? weir::log::SyncMode::kAlways : weir::log::SyncMode::kNever;
  options.free_space_bytes_min = 0;
  const auto log = weir::log::OpenRocksDbLog(options);
  if (!log.ok()) {
    std::fprintf(stderr, "%s\n", log.status().ToString().c_str());
    return 1;
  }
  for (int i = 0;; i += kBatchEvents) {
    while (i >= count + 98) {
      pause();
    }
    weir::log::TestBatch batch;
    for (int j = i; j < i + kBatchEvents; ++j) {
      batch.Add({.topic = fmt::format("t.{}", j % 3), .id = fmt::format("{}{}", argv[3], j)});
    }
    const bool ends_segment = argc == 5 && i > 0 && (i - 1) / kSegmentEvents < (i + kBatchEvents - 1) / kSegmentEvents;
    const std::string newest = ends_segment ? *WriteAheadLogs(options.directory).rbegin() : "";
    const auto results = (*log)->Append(batch.events());
    if (!results.ok()) {
      return 1;
    }
    for (const auto& result : *results) {
      std::printf("%llu\n", static_cast<unsigned long long>(result.sequence));
    }
    if (std::fflush(stdout) != 0) {
      return 1;
    }
    if (ends_segment) {
      AwaitAnother(options.directory, newest);
    }
  }
}
