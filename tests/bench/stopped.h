// Readers that stop reading: what they cost the edge, and whether a reader beside them feels it.
#ifndef WEIR_TESTS_BENCH_STOPPED_H_
#define WEIR_TESTS_BENCH_STOPPED_H_

#include "tests/bench/mode.h"

namespace weir::bench {

// In each round ten healthy readers are alone for a while; then come those that stop, and at the end they read again.
Mode StoppedMode();

}  // namespace weir::bench

#endif  // WEIR_TESTS_BENCH_STOPPED_H_
