// A log on disk as one reader sees it.
#ifndef WEIR_LOG_ROCKSDB_VIEW_H_
#define WEIR_LOG_ROCKSDB_VIEW_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/cursor.h"
#include "log/page_reader.h"
#include "log/rocksdb_store.h"
#include "log/segment_table.h"

namespace weir::log {

// Reads a chunk's stored value, or some events of it, under the log's present epoch.
absl::StatusOr<ChunkPtr> DecodeChunk(std::string_view value, Epoch epoch, size_t events = Chunk::kEventsMax);

// One thread, one call. The store and the table must outlive it; the store must not be closed while it lives.
class RocksDbView : public LogView {
 public:
  RocksDbView(const RocksDbStore& store, const SegmentTable& table, Epoch epoch);

  uint64_t head() const override { return snapshot_.head; }
  uint64_t earliest() const override { return table_.earliest(); }
  std::span<const SegmentInfo> segments() const override;
  absl::StatusOr<ChunkPtr> ChunkAt(uint64_t sequence) override;
  absl::StatusOr<ChunkPtr> EventAt(uint64_t sequence) override;
  absl::Status WithPostings(size_t segment, std::string_view topic,
                            absl::FunctionRef<void(const TopicPostings&)> use) override;
  absl::Status ForEachTopic(size_t segment,
                            absl::FunctionRef<void(std::string_view, const TopicPostings&)> use) override;

 private:
  bool IsActive(size_t segment) const { return segment == snapshot_.sealed->infos.size(); }
  const SegmentIndex* IndexOf(size_t segment) const;
  void Move(uint64_t sequence);
  // Moves to the event's chunk; then as ElementHere.
  std::string_view Find(uint64_t sequence);
  // The event within the chunk where events_ is; empty when it is not there.
  std::string_view ElementHere(uint64_t sequence) const;
  uint64_t KeyHere() const;
  // Why the event was not found.
  absl::Status NoEvent(uint64_t sequence) const;

  const RocksDbStore& store_;
  const SegmentTable& table_;
  const Epoch epoch_;
  // Before the iterator: it sees at least all that the snapshot says is there.
  const SegmentTable::Snapshot snapshot_;
  const std::unique_ptr<rocksdb::Iterator> events_;
  ChunkPtr chunk_;                             // where events_ is; null at first, and when only one event was read
  uint64_t back_ = Chunk::kEventsMax - 1;      // so far before an event Find looks first
  mutable std::vector<SegmentInfo> segments_;  // made on demand: a scan does not need it
};

}  // namespace weir::log

#endif  // WEIR_LOG_ROCKSDB_VIEW_H_
