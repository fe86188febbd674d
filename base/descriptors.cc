#include "base/descriptors.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <algorithm>
#include <limits>

namespace weir {
namespace {

constexpr uint64_t kConnectionsMin = 64;

}  // namespace

absl::StatusOr<uint64_t> ConnectionsWithin(uint64_t descriptors, uint64_t connections_max, Headroom headroom) {
  const uint64_t needed = kReservedDescriptors + kConnectionsMin + headroom(kConnectionsMin);
  if (descriptors < needed) {
    return absl::FailedPreconditionError(
        fmt::format("the system allows this process {} open files (ulimit -n); at least {} are needed, and 1 more for "
                    "each connection",
                    descriptors, needed));
  }
  const uint64_t for_connections = descriptors - kReservedDescriptors;
  uint64_t most = std::min(connections_max, for_connections);
  if (most + headroom(most) > for_connections) {
    most = for_connections - headroom(for_connections);
  }
  return most;
}

absl::Status FitConnections(uint64_t descriptors, uint64_t standard, uint64_t& connections_max, Headroom headroom) {
  const absl::StatusOr<uint64_t> most = ConnectionsWithin(descriptors, connections_max, headroom);
  if (!most.ok()) {
    return most.status();
  }
  if (*most < connections_max) {
    // The default only stands for many.
    spdlog::log(connections_max != standard ? spdlog::level::warn : spdlog::level::info,
                "the system allows {} open files (ulimit -n): limits.connections_max is {} instead of {}", descriptors,
                *most, connections_max);
  }
  connections_max = *most;
  return absl::OkStatus();
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

}  // namespace weir
