#include "clients/cpp/publish_queue.h"

#include <algorithm>
#include <utility>

#include "base/wire.h"

namespace weir::client {

PublishQueue::PublishQueue(const PublisherOptions& options)
    : batch_events_max_(std::clamp<size_t>(options.batch_events_max, 1, 1000)),
      batch_bytes_max_(std::min(options.batch_bytes_max, kBatchBytesMax)),
      pending_events_max_(std::max<size_t>(options.pending_events_max, 1)),
      pending_bytes_max_(options.pending_bytes_max) {}

bool PublishQueue::HasRoom(size_t bytes) const {
  return events_.empty() || (events_.size() < pending_events_max_ && bytes_ + bytes <= pending_bytes_max_);
}

void PublishQueue::Push(std::string event, Publisher::Done done) {
  bytes_ += event.size();
  events_.push_back({std::move(event), std::move(done), false});
}

void PublishQueue::PushRefused(Publisher::Done done) { events_.push_back({std::string(), std::move(done), true}); }

std::string PublishQueue::TakeBatch() {
  size_t end = sent_;
  size_t bytes = 0;
  while (end < events_.size() && end - sent_ < batch_events_max_ && !events_[end].refused) {
    const size_t size = events_[end].event.size() + kElementOverhead;
    if (end > sent_ && bytes + size > batch_bytes_max_) {
      break;
    }
    bytes += size;
    ++end;
  }
  std::string batch;
  batch.reserve(bytes);
  for (; sent_ < end; ++sent_) {
    wire::AppendBytes(batch, 1, events_[sent_].event);
  }
  return batch;
}

std::vector<Publisher::Done> PublishQueue::TakeDone(size_t count) {
  std::vector<Publisher::Done> taken;
  taken.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    taken.push_back(std::move(events_[i].done));
  }
  return taken;
}

void PublishQueue::Pop(size_t count) {
  for (size_t i = 0; i < count; ++i) {
    bytes_ -= events_.front().event.size();
    events_.pop_front();
  }
  sent_ -= std::min(sent_, count);
}

}  // namespace weir::client
