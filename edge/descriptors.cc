#include "edge/descriptors.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <limits>

#include "absl/status/status.h"
#include "edge/http/admission_limits.h"

namespace weir::edge {
namespace {

constexpr uint64_t kConnectionsMin = 64;

}  // namespace

absl::StatusOr<uint64_t> ConnectionsWithin(uint64_t descriptors, uint64_t connections_max) {
  const uint64_t needed = kReservedDescriptors + kConnectionsMin + HeadroomAbove(kConnectionsMin);
  if (descriptors < needed) {
    return absl::FailedPreconditionError(
        fmt::format("the system allows this process {} open files (ulimit -n); at least {} are needed, and 1 more for "
                    "each connection",
                    descriptors, needed));
  }
  const uint64_t for_connections = descriptors - kReservedDescriptors;
  uint64_t most = std::min(connections_max, for_connections);
  if (most + HeadroomAbove(most) > for_connections) {
    most = for_connections - HeadroomAbove(for_connections);
  }
  return most;
}

uint64_t RaiseDescriptorLimit() {
  rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return std::numeric_limits<uint32_t>::max();
  }
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    ::getrlimit(RLIMIT_NOFILE, &limit);
  }
  return limit.rlim_cur == RLIM_INFINITY ? std::numeric_limits<uint32_t>::max() : limit.rlim_cur;
}

}  // namespace weir::edge
