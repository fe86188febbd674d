// One run of the robustness suite: starts the programs, publishers and readers, inflicts faults for a while, lets
// everything heal, waits until every reader was shown the end of the log, and judges what happened. All that is random
// follows from the seed; what the machine makes of it does not.
#ifndef WEIR_TESTS_CHAOS_RUN_H_
#define WEIR_TESTS_CHAOS_RUN_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/chaos/checker.h"
#include "tests/chaos/history.h"

namespace weir::chaos {

struct RunOptions {
  uint64_t seed = 1;
  // How long faults are inflicted; healing and judging come on top.
  absl::Duration duration = absl::Seconds(20);
  // An existing empty directory, for logs, configuration and data.
  std::string dir;
  // Only these faults; empty: all that the seed's kind of run and the machine allow.
  std::vector<std::string> only;
  // Whether retention removes events during the run, and whether the log may be recreated. Of the seed, unless set.
  enum class Kind : uint8_t { kOfSeed, kPlain, kTrims, kRecreates } kind = Kind::kOfSeed;
  // What retention keeps of the log where it removes events: a few seconds.
  uint64_t retained_bytes = 512 << 10;
  // How long healing may take.
  absl::Duration heal_max = absl::Seconds(90);
  // Of the processes, in bytes. The programs' own bounds are set low, so that this holds far below their defaults.
  uint64_t server_resident_bytes_max = uint64_t{512} << 20;
  uint64_t edge_resident_bytes_max = uint64_t{256} << 20;
};

struct RunResult {
  History history;
  std::vector<Violation> violations;
  std::map<std::string, int> faults;               // how often each was inflicted
  std::map<std::string, std::string> unavailable;  // those that the machine cannot do, and why
};

RunResult RunOnce(const RunOptions& options);

}  // namespace weir::chaos

#endif  // WEIR_TESTS_CHAOS_RUN_H_
