// Readers that stop reading: what they cost the edge, and whether a reader beside them feels it.
#ifndef WEIR_TESTS_BENCH_STOPPED_H_
#define WEIR_TESTS_BENCH_STOPPED_H_

#include <cstddef>

#include "tests/bench/report.h"

namespace weir::bench {

struct StoppedSizes {
  size_t readers = 1'000;
  double seconds = 30;  // less than limits.slow_reader_timeout
  size_t rounds = 2;
  size_t event_bytes = 8'000;
  double events_per_second = 150;
  size_t healthy_readers = 10;
  size_t send_buffer_kib = 256;  // limits.send_buffer_bytes of the edge; as it is by default
};

// In each round the healthy readers are alone for a while; then come those that stop, and at the end they read again.
void MeasureStopped(const StoppedSizes& sizes, Report& report);

}  // namespace weir::bench

#endif  // WEIR_TESTS_BENCH_STOPPED_H_
