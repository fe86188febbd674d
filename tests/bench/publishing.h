// What the benchmarks of the bus publish, and who reads it.
#ifndef WEIR_TESTS_BENCH_PUBLISHING_H_
#define WEIR_TESTS_BENCH_PUBLISHING_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "load/stream_load.h"
#include "weir/client.h"

namespace weir::bench {

// An event whose text has so many bytes; 170 make about 300 bytes as published. Its payload holds its number.
v1::Event MakeEvent(size_t text_bytes = 170, uint64_t sequence = 1);

// Opens `count` readers of the route of testing::FiveRoutesYaml that all these events go to, at the port of such an
// edge. `on_event` is StreamLoad's.
absl::StatusOr<std::unique_ptr<load::StreamLoad>> OpenReadersAt(
    uint16_t port, size_t count, decltype(load::StreamLoad::Options::on_event) on_event = nullptr);

// Publishes `count` events as fast as they are acknowledged; returns acknowledgements a second, 0 when it failed.
double PublishAll(Client& client, size_t count, size_t batch_events);

}  // namespace weir::bench

#endif  // WEIR_TESTS_BENCH_PUBLISHING_H_
