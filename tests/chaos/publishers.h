// Publishers that never give up: each publishes events of its own at random until it is told to stop, resends with the
// same ids whatever happens, and writes down what it was told.
//
// Threads: made, ended and collected by one thread; each works on threads of its own. Bounds: events a second, and
// those unanswered at once.
#ifndef WEIR_TESTS_CHAOS_PUBLISHERS_H_
#define WEIR_TESTS_CHAOS_PUBLISHERS_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/chaos/history.h"
#include "weir/client.h"

namespace weir::chaos {

struct PublisherSettings {
  std::string server;
  // Prefix of its event ids; also tells its streams from others'.
  uint64_t number = 0;
  uint64_t seed = 0;
  double events_per_second = 200;
};

// What all kinds share: the record, and making events up.
class PublisherLoad {
 public:
  explicit PublisherLoad(const PublisherSettings& settings);
  virtual ~PublisherLoad() = default;
  PublisherLoad(const PublisherLoad&) = delete;
  PublisherLoad& operator=(const PublisherLoad&) = delete;

  // No new events from now on.
  void Stop() { stopping_ = true; }
  // Every event was answered, and the publisher has come to its end.
  bool done() const { return done_; }
  // Ends it, answered or not. Call before it is destroyed.
  void End();
  std::vector<Published> TakeRecord();
  uint64_t acknowledged() const { return acknowledged_; }

 protected:
  // Publishes until Stop, and then until everything is answered, or until `ending()`.
  virtual void Run() = 0;
  void Start();

  // A new event, written down as unknown; the index of its record.
  size_t Make(uint64_t stream, uint64_t order);
  v1::Event EventOf(size_t index);
  void Answer(size_t index, const absl::Status& status, const v1::PublishAck& ack);

  const PublisherSettings settings_;
  std::mt19937_64 random_;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> ending_ = false;
  std::atomic<bool> done_ = false;
  std::atomic<uint64_t> acknowledged_ = 0;
  std::mutex mutex_;
  std::deque<Published> record_;     // guarded by mutex_
  std::deque<std::string> fillers_;  // guarded by mutex_: of the same indexes
  std::thread thread_;
};

// Over PublishStream, pipelined. Now and then its whole client goes, as with a process that is killed, and a new one
// publishes again what was unanswered. It also publishes again what was acknowledged, uses an id for other content, and
// publishes what is invalid.
std::unique_ptr<PublisherLoad> MakeStreamPublisher(const PublisherSettings& settings);
// Batches by unary calls, each until it is answered.
std::unique_ptr<PublisherLoad> MakeUnaryPublisher(const PublisherSettings& settings);

}  // namespace weir::chaos

#endif  // WEIR_TESTS_CHAOS_PUBLISHERS_H_
