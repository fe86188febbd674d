// How events get from one publisher to many readers.
#ifndef WEIR_TESTS_BENCH_FANOUT_H_
#define WEIR_TESTS_BENCH_FANOUT_H_

#include <vector>

#include "tests/bench/mode.h"

namespace weir::bench {

std::vector<Mode> FanoutModes();

}  // namespace weir::bench

#endif  // WEIR_TESTS_BENCH_FANOUT_H_
