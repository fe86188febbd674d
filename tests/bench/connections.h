// What connections cost: memory while they are idle, and the rate at which they are opened.
#ifndef WEIR_TESTS_BENCH_CONNECTIONS_H_
#define WEIR_TESTS_BENCH_CONNECTIONS_H_

#include "tests/bench/mode.h"

namespace weir::bench {

Mode IdleMode();
Mode ConnectMode();

}  // namespace weir::bench

#endif  // WEIR_TESTS_BENCH_CONNECTIONS_H_
