// The process's file descriptors: as many as the system gives, and of these enough kept back for everything that is no
// connection (the admin listener, the server, files), so that connections can never take the last one. Called at start.
#ifndef WEIR_EDGE_DESCRIPTORS_H_
#define WEIR_EDGE_DESCRIPTORS_H_

#include <cstdint>

#include "absl/status/statusor.h"

namespace weir::edge {

// Kept back for what is no connection.
inline constexpr uint64_t kReservedDescriptors = 512;

// How many `connections_max` can be where the system allows that many descriptors, and some connections more are let in
// to be told. FAILED_PRECONDITION: not even a few.
absl::StatusOr<uint64_t> ConnectionsWithin(uint64_t descriptors, uint64_t connections_max);

// Raises the process's limit as far as the system lets it (RLIMIT_NOFILE), and returns it.
uint64_t RaiseDescriptorLimit();

}  // namespace weir::edge

#endif  // WEIR_EDGE_DESCRIPTORS_H_
