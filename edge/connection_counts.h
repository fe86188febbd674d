// How many streams each principal has open, over all hubs. Any thread; one lock per open and close, spread over shards.
// Memory: one small entry per principal with an open stream.
#ifndef WEIR_EDGE_CONNECTION_COUNTS_H_
#define WEIR_EDGE_CONNECTION_COUNTS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "base/text.h"

namespace weir::edge {

class ConnectionCounts {
 public:
  // One principal's count. Valid while the holder has it open.
  class Entry {
   public:
    int64_t open() const { return open_.load(std::memory_order_relaxed); }

   private:
    friend class ConnectionCounts;
    std::string principal_;
    std::atomic<int64_t> open_ = 0;
  };

  // Counts a stream. Those without a principal (empty) are counted together.
  Entry* Open(std::string_view principal);
  // Takes back one Open.
  void Close(Entry* entry);

 private:
  struct Shard {
    std::mutex mutex;
    TextMap<std::unique_ptr<Entry>> entries ABSL_GUARDED_BY(mutex);
  };

  Shard& ShardOf(std::string_view principal) { return shards_[TextHash()(principal) % shards_.size()]; }

  std::array<Shard, 16> shards_;
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_CONNECTION_COUNTS_H_
