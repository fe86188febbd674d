// Many readers on one thread, checking every delivery: the load side of the benchmarks.
//
// A reader expects each number of an event once, in order, without holes, beginning with any: by `missing` and
// `disordered`. Who knows the events only by their ids, which have holes, judges with DeliveryCheck.
#ifndef WEIR_LOAD_STREAM_LOAD_H_
#define WEIR_LOAD_STREAM_LOAD_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "load/answer_head.h"
#include "load/chunk_reader.h"
#include "load/endpoint.h"
#include "load/stream_scanner.h"
#include "load/tls_client.h"

namespace weir::load {

struct StreamRequest {
  std::string target;
  std::string headers;  // each `Name: value\r\n`
};

// One thread uses it, besides its own.
class StreamLoad {
 public:
  struct Options {
    // Where to: `port` of 127.0.0.1, or else an address.
    uint16_t port = 0;
    std::optional<Endpoint> endpoint = std::nullopt;
    std::string host = "127.0.0.1";  // as the request says it
    size_t count = 1;
    bool web_socket = false;
    const TlsClient* tls = nullptr;  // outlives the load; null: none; not for web_socket
    // Streams that were asked for and have not begun: fewer than a listener's backlog, for a SYN that is dropped comes
    // again only after a second.
    size_t under_way_max = 512;
    // Called by the thread that opens, or, over TLS or to another machine, by the load's.
    std::function<StreamRequest(size_t reader)> request;
    // What stands in the first bytes of a stream that has begun.
    std::string begins_with = "\r\n\r\n";
    // Events are known by their ids instead of their payloads; see StreamScanner::CountIds. Transfer framing is taken
    // off, however a proxy has cut it.
    bool count_ids = false;
    std::vector<std::string> control_events = {};
    // Called on the load's thread for each event, when its last byte was read, with absl::GetCurrentTimeNanos.
    std::function<void(size_t reader, uint64_t sequence, int64_t nanos)> on_event = nullptr;
  };

  // Returns when every stream has begun; the error says why the first ended that did not.
  static absl::StatusOr<std::unique_ptr<StreamLoad>> Open(Options options);
  ~StreamLoad();

  uint64_t delivered() const { return delivered_.load(std::memory_order_relaxed); }
  // Sequences that did not come in increasing order (duplicates too).
  uint64_t disordered() const { return disordered_.load(std::memory_order_relaxed); }
  // Streams that ended.
  uint64_t ended() const { return ended_.load(std::memory_order_relaxed); }
  // Waits until so many events were delivered in all; false when nothing came for ten seconds.
  bool WaitDelivered(uint64_t count);
  // What TLS chose for the first reader; empty without. While nothing is read.
  std::string cipher() const;
  // What it took until all had begun.
  double connect_seconds() const { return connect_seconds_; }
  // Processor time, so far. Of the load's own thread:
  double busy_seconds() const;
  // Of the thread that opened streams, at work:
  double opening_seconds() const { return opening_seconds_; }
  // The same, turning because as many were under way as may be: as good as idle.
  double turning_seconds() const { return turning_seconds_; }

  // Nothing is read any more. The connections stay.
  void Pause();
  // Reads on, and counts the readers that reach `sequence`.
  void Resume(uint64_t sequence);
  // Pauses, and closes every connection.
  void Cut();
  // Opens all streams again, each with the id that it had reached; then as Resume.
  absl::Status Return(uint64_t sequence);
  // Waits until all have; false when nothing came for ten seconds.
  bool WaitReached();
  uint64_t reached() const { return reached_.load(std::memory_order_relaxed); }
  // Sequences that were passed over, and gaps that were told. While nothing is read.
  uint64_t missing() const;
  // Gaps that were told. While nothing is read.
  uint64_t gaps() const;
  // Why the first stream ended that did; empty when none has.
  std::string fault();

 private:
  struct Reader {
    int fd = -1;
    bool connecting = false;
    bool asked = false;  // the request is sent
    bool begun = false;
    std::optional<TlsConnection> tls;
    std::optional<ChunkReader> chunks;
    AnswerHead head;
    uint64_t last = 0;
    uint64_t missing = 0;
    StreamScanner scanner;
  };

  explicit StreamLoad(Options options) : options_(std::move(options)) {}
  absl::Status Connect();
  absl::Status ConnectOne(size_t index);
  std::string RequestOf(const Reader& reader) const;
  bool WaitFor(const std::atomic<uint64_t>& counter, uint64_t count);
  void Run();
  void Ask(Reader& reader);
  absl::Status TryAsk(Reader& reader);
  void Read(Reader& reader);
  void End(Reader& reader, std::string_view why);
  std::string_view Begin(Reader& reader, std::string_view bytes);
  std::string_view BeginBody(Reader& reader, std::string_view bytes);
  void Take(Reader& reader, std::string_view bytes);
  void Tell();

  Options options_;
  int epoll_ = -1;
  uint32_t source_ = 0;  // address of the connections, on this machine
  std::vector<Reader> readers_;
  std::string buffer_ = std::string(256 * 1024, '\0');
  std::atomic<uint64_t> delivered_{0};
  std::atomic<uint64_t> disordered_{0};
  std::atomic<uint64_t> ended_{0};
  std::string fault_;  // why the first ended; guarded by mutex_
  std::atomic<uint64_t> begun_{0};
  std::atomic<uint64_t> reached_{0};
  uint64_t target_ = 0;  // of reached_
  std::atomic<bool> stop_{false};
  // Who waits for delivered_ is woken at this.
  std::atomic<uint64_t> wake_at_{UINT64_MAX};
  std::mutex mutex_;
  std::condition_variable moved_;
  double connect_seconds_ = 0;
  double opening_seconds_ = 0;
  double turning_seconds_ = 0;
  double busy_before_ = 0;  // of earlier threads
  std::thread thread_;
};

}  // namespace weir::load

#endif  // WEIR_LOAD_STREAM_LOAD_H_
