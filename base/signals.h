// The signals of a daemon: SIGTERM and SIGINT end it in order, a second one at once; SIGHUP reloads.
#ifndef WEIR_BASE_SIGNALS_H_
#define WEIR_BASE_SIGNALS_H_

#include <condition_variable>
#include <csignal>
#include <mutex>
#include <thread>

#include "absl/base/thread_annotations.h"

namespace weir {

// Made first thing in main, before any other thread: it blocks the three signals in this thread, and so in all that it
// starts later, and takes them on a thread of its own. SIGPIPE is ignored from then on. One per process; destroyed by
// the thread that made it.
class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // Returns true after a SIGHUP, one for all that came since it last did; false when WaitForTermination would return.
  // Where nobody waits, SIGHUP does nothing.
  bool WaitForReload() ABSL_LOCKS_EXCLUDED(mutex_);

  // Returns after the first SIGTERM, SIGINT or RequestTermination. From then on another SIGTERM or SIGINT ends the
  // process at once with exit code 1.
  void WaitForTermination() ABSL_LOCKS_EXCLUDED(mutex_);
  // The same as a first SIGTERM: a part of the process cannot go on. Any thread.
  void RequestTermination() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Run();

  sigset_t previous_;
  int signals_;  // signalfd
  int wake_;     // eventfd: the destructor's word to the thread
  std::mutex mutex_;
  std::condition_variable changed_;
  bool terminating_ ABSL_GUARDED_BY(mutex_) = false;
  bool reload_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace weir

#endif  // WEIR_BASE_SIGNALS_H_
