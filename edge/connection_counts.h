// How many connections each principal, or each address, has open, over all hubs. Any thread; one lock per open and
// close, spread over shards. Memory: one small entry per name with an open connection.
#ifndef WEIR_EDGE_CONNECTION_COUNTS_H_
#define WEIR_EDGE_CONNECTION_COUNTS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "base/text.h"

namespace weir::edge {

class ConnectionCounts {
 public:
  // One name's count. Valid while the holder has it open.
  class Entry {
   public:
    int64_t open() const { return open_.load(std::memory_order_relaxed); }

   private:
    friend class ConnectionCounts;
    ConnectionCounts* counts_ = nullptr;
    std::string name_;
    std::atomic<int64_t> open_ = 0;
  };

  // Counts a connection. Those without a name (empty) are counted together.
  Entry* Open(std::string_view name) { return OpenUpTo(name, std::numeric_limits<int64_t>::max()); }
  // The same, but null, and not counted, when `most` are open.
  Entry* OpenUpTo(std::string_view name, int64_t most);
  // Takes back one Open.
  void Close(Entry* entry);
  // How many are open.
  int64_t open(std::string_view name);

  // A counted connection, or none: it takes its count back itself. A copy counts as one more. The counts outlive it.
  class Held {
   public:
    Held() = default;
    explicit Held(Entry* entry) : entry_(entry) {}
    Held(const Held& other)
        : entry_(other.entry_ == nullptr ? nullptr : other.entry_->counts_->Open(other.entry_->name_)) {}
    Held(Held&& other) noexcept : entry_(std::exchange(other.entry_, nullptr)) {}
    Held& operator=(Held other) noexcept {
      std::swap(entry_, other.entry_);
      return *this;
    }
    ~Held() {
      if (entry_ != nullptr) {
        entry_->counts_->Close(entry_);
      }
    }
    explicit operator bool() const { return entry_ != nullptr; }

   private:
    Entry* entry_ = nullptr;
  };

 private:
  struct Shard {
    std::mutex mutex;
    TextMap<std::unique_ptr<Entry>> entries ABSL_GUARDED_BY(mutex);
  };

  Shard& ShardOf(std::string_view name) { return shards_[TextHash()(name) % shards_.size()]; }

  std::array<Shard, 16> shards_;
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_CONNECTION_COUNTS_H_
