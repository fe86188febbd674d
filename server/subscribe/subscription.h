// One Subscribe stream, without gRPC: what to send next, from where, and when to wait.
//
// A subscription is nothing but a position in the log. It reads the shared live tail while its position is inside the
// tail's window (live), and pages of the engine while it is not (catching up); it never merges the two, and keeps no
// queue: a slow reader is a position that falls behind. At any time exactly one of four has its turn: the sink (a write
// is under way), the worker pool (a page is being read), the waker (it waits at the head), or Run itself. Only stopping
// comes from outside; it is a flag that the next turn sees.
//
// Bounds: one message in flight, of at most `max_batch_bytes` (a single event may exceed it).
#ifndef WEIR_SERVER_SUBSCRIBE_SUBSCRIPTION_H_
#define WEIR_SERVER_SUBSCRIBE_SUBSCRIPTION_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "server/rpc/error.h"
#include "server/rpc/wire_message.h"
#include "server/schema/types_in_force.h"
#include "server/subscribe/live_tail.h"
#include "server/subscribe/read_request.h"
#include "server/subscribe/subscribe_request.h"
#include "server/subscribe/waker.h"
#include "server/worker_pool.h"

namespace weir::server {

// How many subscriptions are in which state; for status and metrics. Any thread.
struct SubscriptionCounts {
  std::atomic<int> catching_up{0};
};

// What all subscriptions of a server share. Must outlive them.
struct SubscriptionContext {
  const log::LogEngine& log;
  const LiveTail& tail;
  Waker& waker;
  WorkerPool& pool;
  const TypesInForce& types;
  Clock now;  // monotonic
  SubscriptionCounts& counts;
};

// Where a subscription's messages go.
class SubscriptionSink {
 public:
  virtual ~SubscriptionSink() = default;
  // Begins to send; the sink calls Subscription::OnWritten later, from another stack, when it can take the next.
  virtual void Write(WireMessage message) = 0;
  // The end. Null: the reader went away.
  virtual void Finish(const std::optional<Fault>& fault) = 0;
};

class Subscription final : public Waiter, public std::enable_shared_from_this<Subscription> {
 public:
  // The sink must live until Finish was called.
  Subscription(const SubscriptionContext& context, std::string id, SubscriptionOptions options, SubscriptionSink& sink);
  ~Subscription() override;

  // Takes the first turn.
  void Begin();
  // The sink can take the next message; `ok` is false when the stream is broken.
  void OnWritten(bool ok);

  // The reader went away. Any thread, any time.
  void Cancel() { Stop(kCancelled); }
  // Ends as FaultOf(end) says, after the message in flight. Any thread, any time.
  void Drain(StreamEnd end = StreamEnd::kDraining);

  void OnWake() override { Run(); }
  bool stopping() const override { return stop_.load() != kNo; }

 private:
  enum StopReason { kNo, kDraining, kTokenExpired, kTokenRevoked, kAccessChanged, kCancelled };
  // What Run does after a step.
  enum class Turn { kMine, kGiven };

  static StopReason StopOf(StreamEnd end);
  static StreamEnd EndOf(StopReason reason);
  void Stop(StopReason reason);
  void Run();
  void End(const std::optional<Fault>& fault);
  void Start();
  Turn SendControl();
  Turn ReadTail();
  void PostRead();
  Turn ReadPage();
  Turn ReadSnapshot();
  Turn OnGap();
  Turn SendPage(log::Page page);
  Turn Send(EventElements elements);
  void Write(WireMessage message);
  void SendProgress(bool caught_up);
  // The schema's version if it was not said yet; it holds from the message on that carries it.
  const std::string* NewSchemaVersion();
  void SetCatchingUp(bool catching_up);
  bool Wanted(const log::StoredEvent& event) const;

  const SubscriptionContext& context_;
  const std::string id_;
  const SubscriptionOptions options_;
  SubscriptionSink& sink_;
  const Epoch epoch_;
  const bool everything_;  // the selection is `>` of all types: all but the system's topics

  std::atomic<StopReason> stop_{kNo};

  // Whose turn it is.
  std::deque<WireMessage> control_;  // started and gap, still to be sent
  uint64_t position_ = 0;            // everything wanted up to here was given to the sink
  // Caught up when `position_` is here: the head when the stream began, or when a gap was met before that.
  uint64_t target_ = 0;
  int64_t not_before_millis_ = 0;
  bool snapshot_ = false;   // reading the newest of each topic up to `target_`
  bool caught_up_ = false;  // was said
  bool catching_up_ = false;
  const EventTypes* announced_ = nullptr;  // whose version was sent
  absl::Time progress_due_;
};

}  // namespace weir::server

#endif  // WEIR_SERVER_SUBSCRIBE_SUBSCRIPTION_H_
