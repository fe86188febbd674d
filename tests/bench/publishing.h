// The publishing side of the benchmarks.
#ifndef WEIR_TESTS_BENCH_PUBLISHING_H_
#define WEIR_TESTS_BENCH_PUBLISHING_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "weir/client.h"

namespace weir::bench {

// Every event goes to this route's readers; nothing else is in the log, so that its sequences have no holes.
inline constexpr char kTarget[] = "/api/sse";

// An event whose text has so many bytes; 170 make about 300 bytes as published. Its payload holds its number.
v1::Event MakeEvent(size_t text_bytes = 170, uint64_t sequence = 1);

// Publishes `count` events as fast as they are acknowledged; returns acknowledgements a second, 0 when it failed.
double PublishAll(Client& client, size_t count, size_t batch_events);

// Nearest rank; sorts.
double Percentile(std::vector<double>& values, double part);

}  // namespace weir::bench

#endif  // WEIR_TESTS_BENCH_PUBLISHING_H_
