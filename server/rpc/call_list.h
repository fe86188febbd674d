// The open streams of a service, so that a drain can reach them. Any thread. Holds nothing alive; bounded by the number
// of open streams.
#ifndef WEIR_SERVER_RPC_CALL_LIST_H_
#define WEIR_SERVER_RPC_CALL_LIST_H_

#include <memory>
#include <mutex>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "server/rpc/error.h"

namespace weir::server {

// A stream that can be told to end.
class Drainable {
 public:
  virtual ~Drainable() = default;
  // Ends as FaultOf(end) says, as soon as what is under way is done. Any thread.
  virtual void Drain(StreamEnd end) = 0;
};

class CallList {
 public:
  // False when the service is draining: the call is not added.
  bool Add(const std::shared_ptr<Drainable>& call) {
    const std::lock_guard lock(mutex_);
    if (draining_) {
      return false;
    }
    calls_[call.get()] = call;
    return true;
  }

  void Remove(const Drainable* call) {
    const std::lock_guard lock(mutex_);
    calls_.erase(call);
  }

  // Takes no more, and drains those that are there.
  void Drain() { End(StreamEnd::kDraining); }

  // Ends those that are there, and takes further ones.
  void Recall() { End(StreamEnd::kAccessChanged); }

 private:
  void End(StreamEnd end) {
    std::vector<std::shared_ptr<Drainable>> open;
    {
      const std::lock_guard lock(mutex_);
      draining_ = draining_ || end == StreamEnd::kDraining;
      for (const auto& entry : calls_) {
        if (std::shared_ptr<Drainable> call = entry.second.lock()) {
          open.push_back(std::move(call));
        }
      }
    }
    for (const std::shared_ptr<Drainable>& call : open) {
      call->Drain(end);
    }
  }

  std::mutex mutex_;
  absl::flat_hash_map<const Drainable*, std::weak_ptr<Drainable>> calls_ ABSL_GUARDED_BY(mutex_);
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace weir::server

#endif  // WEIR_SERVER_RPC_CALL_LIST_H_
