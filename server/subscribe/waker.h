// Wakes readers that wait at the log's head: when new events came, when their time is up, or when they are to stop.
//
// One thread of its own calls OnWake of each due reader, once per Wait. Any thread may wait, notify and wake. Readers
// that wait are held by shared pointers until woken; there are at most as many as subscriptions.
#ifndef WEIR_SERVER_SUBSCRIBE_WAKER_H_
#define WEIR_SERVER_SUBSCRIBE_WAKER_H_

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "base/clock.h"

namespace weir::server {

// A reader that can wait.
class Waiter {
 public:
  virtual ~Waiter() = default;
  // On the waker's thread. Must not block.
  virtual void OnWake() = 0;
  // True once it is to stop: then waiting ends at once. Any thread.
  virtual bool stopping() const = 0;
};

class Waker {
 public:
  // How late a reader's time may be noticed.
  static constexpr absl::Duration kTick = absl::Milliseconds(50);

  Waker(uint64_t head, Clock now);
  // Nobody may wait any more.
  ~Waker();
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;

  // Wakes `waiter` when the head is above `sequence`, at `due`, or when it is stopping; at once if that is so already.
  void Wait(std::shared_ptr<Waiter> waiter, uint64_t sequence, absl::Time due);

  // The head moved: from the log's observer. Does not block.
  void Notify(uint64_t head);

  // Looks at once for readers that are stopping.
  void Nudge();

 private:
  struct Entry {
    std::shared_ptr<Waiter> waiter;
    uint64_t sequence;
    absl::Time due;
  };

  void Run();

  const Clock now_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Entry> waiting_ ABSL_GUARDED_BY(mutex_);
  uint64_t head_ ABSL_GUARDED_BY(mutex_);
  bool look_ ABSL_GUARDED_BY(mutex_) = false;  // something may be due before the tick
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace weir::server

#endif  // WEIR_SERVER_SUBSCRIBE_WAKER_H_
