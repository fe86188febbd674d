// What a publisher has taken and not yet answered, in order: first the events that were sent on the present stream,
// then those that were not. No thread, no gRPC: the publisher guards it.
#ifndef WEIR_CLIENTS_CPP_PUBLISH_QUEUE_H_
#define WEIR_CLIENTS_CPP_PUBLISH_QUEUE_H_

#include <cstddef>
#include <deque>
#include <string>
#include <vector>

#include "weir/client.h"

namespace weir::client {

class PublishQueue {
 public:
  explicit PublishQueue(const PublisherOptions& options);

  // A batch may hold this many bytes, and an event with its tag and length too.
  static constexpr size_t kBatchBytesMax = 3 * 1024 * 1024;
  static constexpr size_t kElementOverhead = 6;
  static constexpr size_t kEventBytesMax = kBatchBytesMax - kElementOverhead;

  // Whether an event of this size fits into the bounds. An event larger than all of them fits when nothing is pending.
  bool HasRoom(size_t bytes) const;

  void Push(std::string event, Publisher::Done done);
  // An event that is too large to be sent: it waits for its turn, and nothing behind it is sent before.
  void PushRefused(Publisher::Done done);

  // The next events as the wire bytes of a PublishStreamRequest; empty when there is nothing to send.
  std::string TakeBatch();

  // A stream was lost: what was sent is to be sent again.
  void Rewind() { sent_ = 0; }

  // The callbacks of the first `count` events. They stay pending until Pop, which runs when their callbacks have.
  std::vector<Publisher::Done> TakeDone(size_t count);
  void Pop(size_t count);

  size_t size() const { return events_.size(); }
  size_t sent() const { return sent_; }
  // The first event is a refused one: it is to be answered now.
  bool front_is_refused() const { return !events_.empty() && events_.front().refused; }

 private:
  struct Pending {
    std::string event;
    Publisher::Done done;
    bool refused = false;
  };

  const size_t batch_events_max_;
  const size_t batch_bytes_max_;
  const size_t pending_events_max_;
  const size_t pending_bytes_max_;
  std::deque<Pending> events_;
  size_t sent_ = 0;
  size_t bytes_ = 0;
};

}  // namespace weir::client

#endif  // WEIR_CLIENTS_CPP_PUBLISH_QUEUE_H_
