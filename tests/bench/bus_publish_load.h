// The load of a publisher: one PublishStream kept full, in wire bytes, so that the client costs a fraction of what the
// server does. Every acknowledgement is checked.
#ifndef WEIR_TESTS_BENCH_BUS_PUBLISH_LOAD_H_
#define WEIR_TESTS_BENCH_BUS_PUBLISH_LOAD_H_

#include <grpcpp/channel.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tests/bench/bus_events.h"

namespace weir::bench {

// A connection of its own; waits until it is there.
absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(const std::string& address);

struct PublishResult {
  double acks_per_second = 0;
  uint64_t head = 0;  // the last event's sequence
};

// Publishes `events` events, `batch` in a message, as fast as the server takes them; nobody else may publish. An error
// when an event is refused, taken for a duplicate, or does not get the next sequence.
absl::StatusOr<PublishResult> PublishWire(const std::shared_ptr<grpc::Channel>& channel, EventMaker& maker,
                                          uint64_t events, size_t batch);

}  // namespace weir::bench

#endif  // WEIR_TESTS_BENCH_BUS_PUBLISH_LOAD_H_
