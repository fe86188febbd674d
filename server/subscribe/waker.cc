#include "server/subscribe/waker.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace weir::server {

Waker::Waker(uint64_t head, Clock now) : now_(std::move(now)), head_(head), thread_([this] { Run(); }) {}

Waker::~Waker() {
  {
    const absl::MutexLock lock(&mutex_);
    ending_ = true;
  }
  thread_.join();
}

void Waker::Wait(std::shared_ptr<Waiter> waiter, uint64_t sequence, absl::Time due) {
  const absl::MutexLock lock(&mutex_);
  look_ = look_ || head_ > sequence || waiter->stopping();
  waiting_.push_back({std::move(waiter), sequence, due});
}

void Waker::Notify(uint64_t head) {
  const absl::MutexLock lock(&mutex_);
  head_ = head;
  look_ = look_ || !waiting_.empty();
}

void Waker::Nudge() {
  const absl::MutexLock lock(&mutex_);
  look_ = true;
}

void Waker::Run() {
  const auto look = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return look_ || ending_; };
  const auto busy = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return look_ || ending_ || !waiting_.empty(); };
  while (true) {
    std::vector<Entry> due;
    {
      const absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&busy));
      mutex_.AwaitWithTimeout(absl::Condition(&look), kTick);
      if (ending_) {
        return;
      }
      look_ = false;
      const absl::Time now = now_();
      const auto first = std::partition(waiting_.begin(), waiting_.end(), [&](const Entry& entry) {
        return head_ <= entry.sequence && entry.due > now && !entry.waiter->stopping();
      });
      std::move(first, waiting_.end(), std::back_inserter(due));
      waiting_.erase(first, waiting_.end());
    }
    for (const Entry& entry : due) {
      entry.waiter->OnWake();
    }
  }
}

}  // namespace weir::server
