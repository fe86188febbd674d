// What connections cost: memory while they are idle, and the rate at which they are opened.
#ifndef WEIR_TESTS_BENCH_CONNECTIONS_H_
#define WEIR_TESTS_BENCH_CONNECTIONS_H_

#include <cstddef>
#include <memory>

#include "absl/status/statusor.h"
#include "load/stream_load.h"
#include "tests/bench/mode.h"
#include "tests/bench/target.h"

namespace weir::bench {

// Opens `count` streams of one topic. Weir's have a token each, of readers from number `first` on, and the heartbeats
// and limits that it has by default.
absl::StatusOr<std::unique_ptr<load::StreamLoad>> OpenIdle(Target& target, size_t count, size_t first = 0,
                                                           bool web_socket = false);

Mode IdleMode();
Mode ConnectMode();

}  // namespace weir::bench

#endif  // WEIR_TESTS_BENCH_CONNECTIONS_H_
