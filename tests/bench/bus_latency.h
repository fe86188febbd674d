// What durability costs one event: from publishing to the last byte of its SSE frame, on an idle system.
#ifndef WEIR_TESTS_BENCH_BUS_LATENCY_H_
#define WEIR_TESTS_BENCH_BUS_LATENCY_H_

#include "tests/bench/mode.h"

namespace weir::bench {

// Two systems, one with the log on disk and one with it in memory, have an event in turn.
void MeasureDurableLatency(const Plan& plan, Report& report);

}  // namespace weir::bench

#endif  // WEIR_TESTS_BENCH_BUS_LATENCY_H_
