// What is known of the connection to the server. Written by the upstream's calls, read by any thread.
#ifndef WEIR_EDGE_UPSTREAM_STATUS_H_
#define WEIR_EDGE_UPSTREAM_STATUS_H_

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"

namespace weir::edge {

class UpstreamStatus {
 public:
  // Why there is no subscription, on one line of ASCII; empty while there is one, or none was tried yet.
  std::string problem() const {
    const std::lock_guard lock(mutex_);
    return problem_;
  }
  void SetProblem(std::string problem) {
    const std::lock_guard lock(mutex_);
    problem_ = std::move(problem);
  }

  std::atomic<bool> connected = false;
  std::atomic<bool> refused = false;  // for good; it is tried again, slowly
  std::atomic<uint64_t> connects = 0;
  std::atomic<uint64_t> disconnects = 0;
  std::atomic<uint64_t> batches = 0;
  std::atomic<uint64_t> bytes = 0;
  std::atomic<uint64_t> gaps = 0;
  std::atomic<uint64_t> schema_changes = 0;
  std::atomic<uint64_t> server_head = 0;  // as last heard

 private:
  mutable std::mutex mutex_;
  std::string problem_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_UPSTREAM_STATUS_H_
