// Lets only so many reads of history go to the server at once; the others wait their turn. Equal reads share one.
//
// A reconnect storm is many readers asking the same thing: they cost one read. Readers who were slow at different
// places of the same stream share its pages, of which it keeps up to 8 MiB: two reads go through a stream at once,
// upwards as an elevator does, and each page is given to all who wait inside it. Askers that left are forgotten, so
// that memory goes with those that are there, also while the server answers nothing: at most twice as many are held.
// Any thread. The history must outlive it, and everything that waits is dropped with it, `done` not called.
#ifndef WEIR_EDGE_HISTORY_QUEUE_H_
#define WEIR_EDGE_HISTORY_QUEUE_H_

#include <cstddef>
#include <memory>

#include "edge/history.h"

namespace weir::edge {

class HistoryQueue {
 public:
  HistoryQueue(History& history, size_t reads_max);
  ~HistoryQueue();
  HistoryQueue(const HistoryQueue&) = delete;
  HistoryQueue& operator=(const HistoryQueue&) = delete;

  // As History::Read, but the page may begin before the request's cursor: see HistoryPage::FirstAfter. When `wanted`
  // has expired before the answer, `done` is not called; before the turn comes, the read is not made either.
  void Read(const HistoryRequest& request, std::weak_ptr<void> wanted, History::Done done);

  // The log may have another past than was read: keeps no page of it.
  void Forget();

  // For metrics. Askers: those held, some of whom may have left.
  size_t cached_bytes() const;
  size_t running() const;
  size_t waiting() const;
  size_t askers() const;
  uint64_t reads_total() const;

 private:
  struct State;
  std::shared_ptr<State> state_;  // outlives the queue while reads are running
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_HISTORY_QUEUE_H_
