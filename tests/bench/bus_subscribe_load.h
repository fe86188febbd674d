// The load of gRPC readers: each on a connection of its own, scanning the wire, checking that no event is missing,
// doubled or out of order.
#ifndef WEIR_TESTS_BENCH_BUS_SUBSCRIBE_LOAD_H_
#define WEIR_TESTS_BENCH_BUS_SUBSCRIBE_LOAD_H_

#include <grpcpp/channel.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "weir/v1/event_bus.pb.h"

namespace weir::bench {

// What one reader reads: from `request`'s start until it has `events` events. `dense`: the sequences have no holes.
struct Reading {
  v1::SubscribeRequest request;
  uint64_t events = 0;
  bool dense = true;
};

// Lets as many readers as there are channels read at once; seconds from the first call until the last has read its last
// event. Errors: a stream that ends before, an event that is not the next, or nothing for a minute.
absl::StatusOr<double> ReadTogether(const std::vector<std::shared_ptr<grpc::Channel>>& channels,
                                    const Reading& reading);

}  // namespace weir::bench

#endif  // WEIR_TESTS_BENCH_BUS_SUBSCRIBE_LOAD_H_
