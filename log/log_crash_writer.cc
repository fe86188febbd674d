// Appends to a log on disk for ever and prints the sequence of every event once it is acknowledged, until it is killed:
//   log_crash_writer DIRECTORY always|never PREFIX
// Event ids are PREFIX and a number that counts from 0.
#include <cstdio>
#include <cstring>

#include "fmt/format.h"
#include "log/log_testing.h"
#include "log/rocksdb_engine.h"

int main(int argc, char** argv) {
  if (argc != 4) {
    return 2;
  }
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
