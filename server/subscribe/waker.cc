#include "server/subscribe/waker.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace weir::server {

Waker::Waker(uint64_t head, Clock now) : now_(std::move(now)), head_(head), thread_([this] { Run(); }) {}

Waker::~Waker() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Waker::Wait(std::shared_ptr<Waiter> waiter, uint64_t sequence, absl::Time due) {
  const std::lock_guard lock(mutex_);
  look_ = look_ || head_ > sequence || waiter->stopping();
  waiting_.push_back({std::move(waiter), sequence, due});
  // The thread sleeps without end while nobody waits.
  if (look_ || waiting_.size() == 1) {
    changed_.notify_one();
  }
}

void Waker::Notify(uint64_t head) {
  const std::lock_guard lock(mutex_);
  head_ = head;
  if (!waiting_.empty() && !std::exchange(look_, true)) {
    changed_.notify_one();
  }
}

void Waker::Nudge() {
  const std::lock_guard lock(mutex_);
  look_ = true;
  changed_.notify_one();
}

void Waker::Run() {
  while (true) {
    std::vector<Entry> due;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return look_ || ending_ || !waiting_.empty(); });
      changed_.wait_for(lock, absl::ToChronoMilliseconds(kTick), [this] { return look_ || ending_; });
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
