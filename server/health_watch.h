// Looks now and then whether a log has become unhealthy, which it may also do in the background, on a thread of its
// own.
#ifndef WEIR_SERVER_HEALTH_WATCH_H_
#define WEIR_SERVER_HEALTH_WATCH_H_

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "log/log_engine.h"

namespace weir::server {

// The log must outlive it.
class HealthWatch {
 public:
  // `on_unhealthy` is called at most once, from the watch's thread: a log does not recover.
  HealthWatch(const log::LogEngine& log, absl::Duration interval,
              std::function<void(const absl::Status&)> on_unhealthy);
  // Waits for a call that is under way.
  ~HealthWatch();
  HealthWatch(const HealthWatch&) = delete;
  HealthWatch& operator=(const HealthWatch&) = delete;

 private:
  void Run();

  const log::LogEngine& log_;
  const absl::Duration interval_;
  const std::function<void(const absl::Status&)> on_unhealthy_;
  std::mutex mutex_;
  std::condition_variable end_;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace weir::server

#endif  // WEIR_SERVER_HEALTH_WATCH_H_
