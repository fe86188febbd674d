#include "edge/connection_counts.h"

namespace weir::edge {

ConnectionCounts::Entry* ConnectionCounts::Open(std::string_view principal) {
  Shard& shard = ShardOf(principal);
  const std::lock_guard<std::mutex> lock(shard.mutex);
  auto it = shard.entries.find(principal);
  if (it == shard.entries.end()) {
    it = shard.entries.emplace(std::string(principal), std::make_unique<Entry>()).first;
    it->second->principal_ = principal;
  }
  it->second->open_.fetch_add(1, std::memory_order_relaxed);
  return it->second.get();
}

void ConnectionCounts::Close(Entry* entry) {
  Shard& shard = ShardOf(entry->principal_);
  const std::lock_guard<std::mutex> lock(shard.mutex);
  if (entry->open_.fetch_sub(1, std::memory_order_relaxed) == 1) {
    shard.entries.erase(std::string(entry->principal_));  // a copy: erasing frees the entry with its name
  }
}

}  // namespace weir::edge
