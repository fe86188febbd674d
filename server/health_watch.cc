#include "server/health_watch.h"

#include <utility>

namespace weir::server {

HealthWatch::HealthWatch(const log::LogEngine& log, absl::Duration interval,
                         std::function<void(const absl::Status&)> on_unhealthy)
    : log_(log), interval_(interval), on_unhealthy_(std::move(on_unhealthy)), thread_([this] { Run(); }) {}

HealthWatch::~HealthWatch() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  end_.notify_one();
  thread_.join();
}

void HealthWatch::Run() {
  while (true) {
    if (const absl::Status status = log_.health(); !status.ok()) {
      on_unhealthy_(status);
      return;
    }
    std::unique_lock lock(mutex_);
    if (end_.wait_for(lock, absl::ToChronoMilliseconds(interval_), [this] { return ending_; })) {
      return;
    }
  }
}

}  // namespace weir::server
