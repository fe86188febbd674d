// Many readers that lose their connections at once and come back at once, having missed a few events.
#ifndef WEIR_TESTS_BENCH_STORM_H_
#define WEIR_TESTS_BENCH_STORM_H_

#include "tests/bench/mode.h"

namespace weir::bench {

// Once with servers that go on meanwhile, and once with an edge that is killed and started again.
Mode StormMode();

}  // namespace weir::bench

#endif  // WEIR_TESTS_BENCH_STORM_H_
