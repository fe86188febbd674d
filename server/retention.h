// Removes old events: calls LogEngine::Trim now and then, on a thread of its own.
#ifndef WEIR_SERVER_RETENTION_H_
#define WEIR_SERVER_RETENTION_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "log/log_engine.h"

namespace weir::server {

struct RetentionOptions {
  log::TrimPolicy policy{.age_max = absl::Hours(168), .bytes_max = uint64_t{8} << 30};
  // How often. The log's own clock tells the age of events.
  absl::Duration check_interval = absl::Seconds(10);
  // Called when the events before `end` are about to be removed. It may lower `end` to what may go, and say why. May be
  // empty.
  std::function<absl::Status(uint64_t& end)> before_removal = nullptr;
  // A trim that failed, and not as the one before; the next is tried all the same. May be empty.
  std::function<void(const absl::Status&)> on_error = nullptr;
};

// The log must outlive it. Nothing is done when the policy keeps everything.
class Retention {
 public:
  Retention(log::LogEngine& log, RetentionOptions options);
  // Waits for a trim that is under way.
  ~Retention();
  Retention(const Retention&) = delete;
  Retention& operator=(const Retention&) = delete;

 private:
  void Run();
  absl::Status Trim();

  log::LogEngine& log_;
  const RetentionOptions options_;
  std::mutex mutex_;
  std::condition_variable end_;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace weir::server

#endif  // WEIR_SERVER_RETENTION_H_
