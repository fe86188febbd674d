#include "server/retention.h"

#include <utility>

namespace weir::server {

Retention::Retention(log::LogEngine& log, RetentionOptions options) : log_(log), options_(std::move(options)) {
  if (options_.policy.age_max > absl::ZeroDuration() || options_.policy.bytes_max > 0) {
    thread_ = std::thread([this] { Run(); });
  }
}

Retention::~Retention() {
  {
    const absl::MutexLock lock(&mutex_);
    ending_ = true;
  }
  if (thread_.joinable()) {
    thread_.join();
  }
}

void Retention::Run() {
  while (true) {
    if (const absl::Status status = log_.Trim(options_.policy); !status.ok() && options_.on_error) {
      options_.on_error(status);
    }
    const absl::MutexLock lock(&mutex_);
    if (mutex_.AwaitWithTimeout(absl::Condition(&ending_), options_.check_interval)) {
      return;
    }
  }
}

}  // namespace weir::server
