// A few threads for work that may block on the disk, so that gRPC's threads never do. Any thread may post. The number
// of tasks that wait is bounded by those who post: one per subscription, a fixed number of list calls.
#ifndef WEIR_SERVER_WORKER_POOL_H_
#define WEIR_SERVER_WORKER_POOL_H_

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"

namespace weir::server {

class WorkerPool {
 public:
  explicit WorkerPool(int threads);
  // Runs what was posted, then ends the threads.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  void Post(std::function<void()> task);

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable due_;
  std::deque<std::function<void()>> tasks_ ABSL_GUARDED_BY(mutex_);
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace weir::server

#endif  // WEIR_SERVER_WORKER_POOL_H_
