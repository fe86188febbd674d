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
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  end_.notify_one();
  if (thread_.joinable()) {
    thread_.join();
  }
}

absl::Status Retention::Trim() {
  log::TrimPolicy policy = options_.policy;
  absl::Status before;
  if (options_.before_removal) {
    policy.keep_from = log_.TrimPoint(policy);
    if (policy.keep_from > log_.bounds().earliest) {
      before = options_.before_removal(policy.keep_from);
    }
  }
  const absl::Status status = log_.Trim(policy);
  return status.ok() ? before : status;
}

void Retention::Run() {
  absl::Status said;
  while (true) {
    absl::Status status = Trim();
    if (!status.ok() && status != said && options_.on_error) {
      options_.on_error(status);
    }
    said = std::move(status);
    std::unique_lock lock(mutex_);
    if (end_.wait_for(lock, absl::ToChronoMilliseconds(options_.check_interval), [this] { return ending_; })) {
      return;
    }
  }
}

}  // namespace weir::server
