// Many SSE readers on one thread, checking every delivery: the load side of the benchmarks.
#ifndef WEIR_TESTS_BENCH_SSE_LOAD_H_
#define WEIR_TESTS_BENCH_SSE_LOAD_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"

namespace weir::bench {

// Reads one SSE stream incrementally and finds its `id:` lines; ignores transfer framing, whose lines look like no
// field.
class IdScanner {
 public:
  // Calls `on_id(sequence, is_event)` for each complete block that has an id; a gap is no event.
  template <typename F>
  void Feed(std::string_view bytes, F&& on_id) {
    for (;;) {
      const size_t end = bytes.find('\n');
      if (end == std::string_view::npos) {
        line_.append(bytes);
        return;
      }
      std::string_view line = bytes.substr(0, end);
      if (!line_.empty()) {
        line_.append(line);
        line = line_;
      }
      if (line.starts_with("id: ")) {
        const size_t dash = line.rfind('-');
        sequence_ = Number(line.substr(dash + 1));
        if (epoch_.empty()) {
          epoch_ = line.substr(4, dash - 4);
        }
      } else if (line.starts_with("event: ")) {
        control_ = line.substr(7).starts_with("weir.");
        gaps_ += line.ends_with(".gap") ? 1 : 0;
      } else if (line.empty() && sequence_ != 0) {
        on_id(sequence_, !control_);
        sequence_ = 0;
      }
      line_.clear();
      bytes.remove_prefix(end + 1);
    }
  }

  // Of the first id.
  const std::string& epoch() const { return epoch_; }
  uint64_t gaps() const { return gaps_; }
  // The next bytes are those of another stream.
  void Restart() {
    line_.clear();
    sequence_ = 0;
  }

 private:
  static uint64_t Number(std::string_view digits);

  std::string line_;
  std::string epoch_;
  uint64_t gaps_ = 0;
  uint64_t sequence_ = 0;
  bool control_ = false;
};

// Opens `count` streams and reads them on a thread of its own until it is destroyed. One thread uses it.
class SseLoad {
 public:
  struct Options {
    uint16_t port = 0;
    std::string target;
    size_t count = 1;
    // Called on the load's thread for each event, when its last byte was read.
    std::function<void(uint64_t sequence)> on_event;
  };

  // Returns when every stream has had its first block.
  static absl::StatusOr<std::unique_ptr<SseLoad>> Open(Options options);
  ~SseLoad();

  uint64_t delivered() const { return delivered_.load(std::memory_order_relaxed); }
  // Sequences that did not come in increasing order (duplicates too).
  uint64_t disordered() const { return disordered_.load(std::memory_order_relaxed); }
  // Streams that ended.
  uint64_t ended() const { return ended_.load(std::memory_order_relaxed); }
  // Waits until so many events were delivered in all; false when nothing came for ten seconds.
  bool WaitDelivered(uint64_t count) const;
  double connect_seconds() const { return connect_seconds_; }

  // Nothing is read any more. The connections stay.
  void Pause();
  // Reads on, and counts the readers that reach `sequence`.
  void Resume(uint64_t sequence);
  // Pauses, and closes every connection.
  void Cut();
  // Opens all streams again, each with the id that it had reached; then as Resume.
  absl::Status Return(uint64_t sequence);
  // Waits until all have; false when nothing came for ten seconds.
  bool WaitReached() const;
  uint64_t reached() const { return reached_.load(std::memory_order_relaxed); }
  // Sequences that were passed over, and gaps that were told. While nothing is read.
  uint64_t missing() const;

 private:
  struct Reader {
    int fd = -1;
    uint64_t last = 0;
    bool connected = false;
    uint64_t missing = 0;
    IdScanner scanner;
  };

  explicit SseLoad(Options options) : options_(std::move(options)) {}
  absl::Status Connect();
  bool WaitFor(const std::atomic<uint64_t>& counter, uint64_t count) const;
  void Run();
  void Read(Reader& reader);

  Options options_;
  int epoll_ = -1;
  std::vector<Reader> readers_;
  std::string buffer_ = std::string(256 * 1024, '\0');
  std::atomic<uint64_t> delivered_{0};
  std::atomic<uint64_t> disordered_{0};
  std::atomic<uint64_t> ended_{0};
  std::atomic<size_t> connected_{0};
  std::atomic<uint64_t> reached_{0};
  uint64_t target_ = 0;  // of reached_
  std::atomic<bool> stop_{false};
  double connect_seconds_ = 0;
  std::thread thread_;
};

}  // namespace weir::bench

#endif  // WEIR_TESTS_BENCH_SSE_LOAD_H_
