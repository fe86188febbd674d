// Publishing to a durable log: one stream kept full, and many clients with one call each.
#ifndef WEIR_TESTS_BENCH_BUS_PUBLISH_H_
#define WEIR_TESTS_BENCH_BUS_PUBLISH_H_

#include <cstddef>
#include <string>

#include "tests/bench/mode.h"

namespace weir::bench {

inline constexpr char kUnaryFigure[] = "calls/s of 64 clients, one event a call";
inline constexpr char kSyncFloor[] = "sync only";  // as tables show it

// With `batch` events a message.
std::string StreamRatioFigure(size_t batch);

// Acknowledgements a second on one PublishStream: RocksDB with sync, payloads checked, ids and topics indexed; against
// the same gRPC server with a handler that only writes and syncs (bus_floor.cc).
void MeasurePublishStream(const Plan& plan, Report& report);

// Calls a second of 64 clients that publish one event a call, and wait; against the same.
void MeasurePublishUnary(const Plan& plan, Report& report);

}  // namespace weir::bench

#endif  // WEIR_TESTS_BENCH_BUS_PUBLISH_H_
