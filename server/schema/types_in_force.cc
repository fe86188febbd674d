#include "server/schema/types_in_force.h"

#include <fmt/format.h>

namespace weir::server {

absl::Status TypesInForce::Replace(std::shared_ptr<const EventTypes> types) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const std::shared_ptr<const EventTypes>& known : versions_) {
    if (known->version() == types->version()) {
      current_.store(known.get(), std::memory_order_release);
      return absl::OkStatus();
    }
  }
  if (versions_.size() == kVersionsMax) {
    return absl::ResourceExhaustedError(
        fmt::format("the event types have changed {} times since the start; restart the server", kVersionsMax - 1));
  }
  current_.store(types.get(), std::memory_order_release);
  versions_.push_back(std::move(types));
  return absl::OkStatus();
}

}  // namespace weir::server
