// The open streams of a service, so that a drain can reach them, and a revocation those of its tokens. Any thread.
// Holds nothing alive; bounded by the number of open streams.
#ifndef WEIR_SERVER_RPC_CALL_LIST_H_
#define WEIR_SERVER_RPC_CALL_LIST_H_

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "base/revocations.h"
#include "server/rpc/error.h"

namespace weir::server {

// What a stream that was told to end has for it: its client takes what is under way, and is told why. Then it is cut,
// for a client that takes nothing would hold it open. As long as a drain waits.
inline constexpr absl::Duration kStreamEndGrace = absl::Seconds(5);

// A stream that can be told to end.
class Drainable {
 public:
  virtual ~Drainable() = default;
  // Ends as FaultOf(end) says, as soon as what is under way is done; cancelled, when it is not within kStreamEndGrace.
  // Any thread.
  virtual void Drain(StreamEnd end) = 0;
};

class CallList {
 public:
  // False when the service is draining: the call is not added. `token` is the one that it was opened with.
  bool Add(const std::shared_ptr<Drainable>& call, const TokenMarks& token = {}) {
    const std::lock_guard lock(mutex_);
    if (draining_) {
      return false;
    }
    calls_[call.get()] = {.call = call, .token = token};
    return true;
  }

  void Remove(const Drainable* call) {
    const std::lock_guard lock(mutex_);
    calls_.erase(call);
  }

  // Takes no more, and drains those that are there.
  void Drain() {
    End(StreamEnd::kDraining, [](const TokenMarks&) { return true; });
  }

  // Ends those that are there, and takes further ones.
  void Recall() {
    End(StreamEnd::kAccessChanged, [](const TokenMarks&) { return true; });
  }

  // Ends those whose tokens are revoked there.
  void EndRevoked(const RevocationTable& revoked, absl::Time now) {
    End(StreamEnd::kTokenRevoked, [&](const TokenMarks& token) { return revoked.Revokes(token, now); });
  }

 private:
  struct Entry {
    std::weak_ptr<Drainable> call;
    TokenMarks token;
  };

  template <typename Concerns>
  void End(StreamEnd end, const Concerns& concerns) {
    std::vector<std::shared_ptr<Drainable>> open;
    {
      const std::lock_guard lock(mutex_);
      draining_ = draining_ || end == StreamEnd::kDraining;
      for (const auto& [key, entry] : calls_) {
        if (!concerns(entry.token)) {
          continue;
        }
        if (std::shared_ptr<Drainable> call = entry.call.lock()) {
          open.push_back(std::move(call));
        }
      }
    }
    for (const std::shared_ptr<Drainable>& call : open) {
      call->Drain(end);
    }
  }

  std::mutex mutex_;
  absl::flat_hash_map<const Drainable*, Entry> calls_ ABSL_GUARDED_BY(mutex_);
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace weir::server

#endif  // WEIR_SERVER_RPC_CALL_LIST_H_
