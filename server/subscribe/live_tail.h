// The newest events of the log in memory, shared by all live readers.
//
// One window of chunks, fed by the engine's observer after events are durable. The oldest chunks leave when the window
// holds more than `bytes_max` (the newest always stays); a reader whose cursor fell out reads from the engine until it
// is inside again. Any thread; nothing blocks for longer than copying some pointers.
#ifndef WEIR_SERVER_SUBSCRIBE_LIVE_TAIL_H_
#define WEIR_SERVER_SUBSCRIBE_LIVE_TAIL_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <span>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "log/chunk.h"

namespace weir::server {

inline constexpr size_t kTailBytesMaxDefault = 64 << 20;

class LiveTail {
 public:
  // `head` is the log's before the first Append: readers at it are inside the (empty) window.
  LiveTail(size_t bytes_max, uint64_t head);

  // The observer: chunks in log order and without holes.
  void Append(std::span<const log::ChunkPtr> chunks);

  // What follows a cursor.
  struct View {
    // False: the window no longer holds everything after the cursor; read the engine.
    bool inside = false;
    uint64_t head = 0;
    // From the chunk that holds the next event on; its earlier events are to be skipped. Empty: nothing follows yet.
    std::vector<log::ChunkPtr> chunks;
  };
  // The chunks that hold the next `events_max` events.
  View After(uint64_t sequence, size_t events_max) const;

  // The newest event's sequence.
  uint64_t head() const;
  // What the window holds, the index of its chunks included.
  size_t bytes() const;

 private:
  const size_t bytes_max_;

  mutable std::mutex mutex_;
  std::deque<log::ChunkPtr> chunks_ ABSL_GUARDED_BY(mutex_);
  uint64_t base_ ABSL_GUARDED_BY(mutex_);  // the sequence before the window
  uint64_t head_ ABSL_GUARDED_BY(mutex_);
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace weir::server

#endif  // WEIR_SERVER_SUBSCRIBE_LIVE_TAIL_H_
