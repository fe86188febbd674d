// The process's file descriptors: as many as the system gives, and of these enough kept back for everything that is no
// connection (the admin listener, the log or the server, files), so that connections can never take the last one.
// Called at start.
#ifndef WEIR_BASE_DESCRIPTORS_H_
#define WEIR_BASE_DESCRIPTORS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace weir {

// Kept back for what is no connection.
inline constexpr uint64_t kReservedDescriptors = 512;
// Of these for files of a log.
inline constexpr uint64_t kReservedForLog = 256;

// How many connections more than `connections_max` are let in, to be told. It grows with that number, and more slowly.
using Headroom = uint64_t (*)(uint64_t connections_max);
constexpr uint64_t NoHeadroom(uint64_t) { return 0; }

// How many `connections_max` can be where the system allows that many descriptors. FAILED_PRECONDITION: not even a few.
absl::StatusOr<uint64_t> ConnectionsWithin(uint64_t descriptors, uint64_t connections_max,
                                           Headroom headroom = NoHeadroom);

// Makes `connections_max` that number, and says so in the log: who asked for more than `standard`, the default, is
// warned.
absl::Status FitConnections(uint64_t descriptors, uint64_t standard, uint64_t& connections_max,
                            Headroom headroom = NoHeadroom);

// How many files a log may keep open beside so many connections, as they were fitted: what is reserved for it, and what
// they leave.
constexpr uint64_t DescriptorsForLog(uint64_t descriptors, uint64_t connections_max) {
  return descriptors - kReservedDescriptors - connections_max + kReservedForLog;
}

// Raises the process's limit as far as the system lets it (RLIMIT_NOFILE), and returns it.
uint64_t RaiseDescriptorLimit();

}  // namespace weir

#endif  // WEIR_BASE_DESCRIPTORS_H_
