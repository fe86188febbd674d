// What gRPC readers are given, in events a second: from the server's memory, and from disk.
#ifndef WEIR_TESTS_BENCH_BUS_SUBSCRIBE_H_
#define WEIR_TESTS_BENCH_BUS_SUBSCRIBE_H_

#include "tests/bench/mode.h"

namespace weir::bench {

void MeasureSubscribe(const Plan& plan, Report& report);

}  // namespace weir::bench

#endif  // WEIR_TESTS_BENCH_BUS_SUBSCRIBE_H_
