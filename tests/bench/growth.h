// What one stream, delivery, event or connect costs when there are ten and a hundred times as many readers or topics.
#ifndef WEIR_TESTS_BENCH_GROWTH_H_
#define WEIR_TESTS_BENCH_GROWTH_H_

#include "tests/bench/mode.h"

namespace weir::bench {

Mode GrowthMode();

}  // namespace weir::bench

#endif  // WEIR_TESTS_BENCH_GROWTH_H_
