// A log of ten million events: how it grows, what a topic's history costs in it, how soon a server starts on it, and
// what dropping its oldest part does to publishers.
#ifndef WEIR_TESTS_BENCH_BUS_HISTORY_H_
#define WEIR_TESTS_BENCH_BUS_HISTORY_H_

#include "tests/bench/mode.h"

namespace weir::bench {

// Takes 7 GB of disk at most, in the system's directory for temporary files, and two to three minutes; builds the log
// once, whatever the rounds. Quick: a log of a tenth.
void MeasureHistory(const Plan& plan, Report& report);

}  // namespace weir::bench

#endif  // WEIR_TESTS_BENCH_BUS_HISTORY_H_
