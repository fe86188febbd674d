// Many readers that lose their connections at once and come back at once, having missed a few events.
#ifndef WEIR_TESTS_BENCH_STORM_H_
#define WEIR_TESTS_BENCH_STORM_H_

#include <cstddef>

#include "tests/bench/report.h"

namespace weir::bench {

struct StormSizes {
  size_t readers = 5'000;
  size_t events_missed = 50;
  size_t rounds = 3;
};

// Once with an edge that goes on meanwhile, and once with one that is killed and started again.
void MeasureStorm(const StormSizes& sizes, Report& report);

}  // namespace weir::bench

#endif  // WEIR_TESTS_BENCH_STORM_H_
