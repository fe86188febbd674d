#include "edge/connection_counts.h"

namespace weir::edge {

ConnectionCounts::Entry* ConnectionCounts::OpenUpTo(std::string_view name, int64_t most) {
  Shard& shard = ShardOf(name);
  const std::lock_guard<std::mutex> lock(shard.mutex);
  auto it = shard.entries.find(name);
  if (it == shard.entries.end()) {
    if (most <= 0) {
      return nullptr;
    }
    it = shard.entries.emplace(std::string(name), std::make_unique<Entry>()).first;
    it->second->counts_ = this;
    it->second->name_ = name;
  } else if (it->second->open() >= most) {
    return nullptr;
  }
  it->second->open_.fetch_add(1, std::memory_order_relaxed);
  return it->second.get();
}

void ConnectionCounts::Close(Entry* entry) {
  Shard& shard = ShardOf(entry->name_);
  const std::lock_guard<std::mutex> lock(shard.mutex);
  if (entry->open_.fetch_sub(1, std::memory_order_relaxed) == 1) {
    shard.entries.erase(std::string(entry->name_));  // a copy: erasing frees the entry with its name
  }
}

int64_t ConnectionCounts::open(std::string_view name) {
  Shard& shard = ShardOf(name);
  const std::lock_guard<std::mutex> lock(shard.mutex);
  const auto it = shard.entries.find(name);
  return it == shard.entries.end() ? 0 : it->second->open();
}

}  // namespace weir::edge
