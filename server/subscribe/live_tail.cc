#include "server/subscribe/live_tail.h"

#include <algorithm>

namespace weir::server {
namespace {

size_t CostOf(const log::Chunk& chunk) {
  return sizeof(log::Chunk) + chunk.bytes().size() + chunk.events().size() * sizeof(log::StoredEvent);
}

}  // namespace

LiveTail::LiveTail(size_t bytes_max, uint64_t head) : bytes_max_(bytes_max), base_(head), head_(head) {}

void LiveTail::Append(std::span<const log::ChunkPtr> chunks) {
  std::vector<log::ChunkPtr> dropped;  // freed after the lock
  {
    const std::lock_guard lock(mutex_);
    for (const log::ChunkPtr& chunk : chunks) {
      chunks_.push_back(chunk);
      bytes_ += CostOf(*chunk);
      head_ = chunk->last_sequence();
    }
    while (bytes_ > bytes_max_ && chunks_.size() > 1) {
      bytes_ -= CostOf(*chunks_.front());
      base_ = chunks_.front()->last_sequence();
      dropped.push_back(std::move(chunks_.front()));
      chunks_.pop_front();
    }
  }
}

LiveTail::View LiveTail::After(uint64_t sequence, size_t events_max) const {
  View view;
  const std::lock_guard lock(mutex_);
  view.head = head_;
  view.inside = sequence >= base_;
  if (!view.inside || sequence >= head_) {
    return view;
  }
  const auto ends_before = [](const log::ChunkPtr& chunk, uint64_t wanted) { return chunk->last_sequence() < wanted; };
  const uint64_t last = sequence + std::min<uint64_t>(events_max, head_ - sequence);
  auto chunk = std::lower_bound(chunks_.begin(), chunks_.end(), sequence + 1, ends_before);
  for (; chunk != chunks_.end() && (*chunk)->first_sequence() <= last; ++chunk) {
    view.chunks.push_back(*chunk);
  }
  return view;
}

uint64_t LiveTail::head() const {
  const std::lock_guard lock(mutex_);
  return head_;
}

size_t LiveTail::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace weir::server
