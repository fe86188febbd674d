// Appends to a log on disk and prints the sequence of every event once it is acknowledged, until it is killed:
//   log_crash_writer DIRECTORY always|never PREFIX [COUNT]
// Event ids are PREFIX and a number that counts from 0. With COUNT it waits after so many events until what happens in
// the background has come to its end, appends 98 more, and then only waits: its write-ahead log holds just those.
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include "fmt/format.h"
#include "log/log_testing.h"
#include "log/rocksdb_engine.h"

namespace {

// When the last segment is indexed and all before it lies in tables, there is one.
long WriteAheadLogs(const std::string& directory) {
  const std::filesystem::directory_iterator files(directory + "/db");
  return std::count_if(begin(files), end(files), [](const auto& file) { return file.path().extension() == ".log"; });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4 && argc != 5) {
    return 2;
  }
  const int count = argc == 5 ? std::atoi(argv[4]) : INT_MAX - 98;
  weir::log::RocksDbOptions options;
  options.log.segment_events_max = 200;
  options.directory = argv[1];
  options.sync = std::strcmp(argv[2], "always") == 0 ? weir::log::SyncMode::kAlways : weir::log::SyncMode::kNever;
  options.free_space_bytes_min = 0;
  const auto log = weir::log::OpenRocksDbLog(options);
  if (!log.ok()) {
    std::fprintf(stderr, "%s\n", log.status().ToString().c_str());
    return 1;
  }
  for (int i = 0;; i += 7) {
    while (i >= count && WriteAheadLogs(options.directory) > 1) {
      usleep(1'000);
    }
    while (i >= count + 98) {
      pause();
    }
    weir::log::TestBatch batch;
    for (int j = i; j < i + 7; ++j) {
      batch.Add({.topic = fmt::format("t.{}", j % 3), .id = fmt::format("{}{}", argv[3], j)});
    }
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
  }
}
