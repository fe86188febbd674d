// What it costs the edge to turn a stored event into what the browser gets.
#ifndef WEIR_TESTS_BENCH_BUS_RENDER_H_
#define WEIR_TESTS_BENCH_BUS_RENDER_H_

#include "tests/bench/mode.h"

namespace weir::bench {

// Runs render_benchmark, which has more to say.
void MeasureRender(const Plan& plan, Report& report);

}  // namespace weir::bench

#endif  // WEIR_TESTS_BENCH_BUS_RENDER_H_
