// A run of stored events, immutable and shared: by the engine's index, the live tail and every reader's page.
#ifndef WEIR_LOG_CHUNK_H_
#define WEIR_LOG_CHUNK_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace weir::log {

// One event of a chunk. The views point into the chunk's bytes.
struct StoredEvent {
  uint64_t sequence = 0;
  int64_t publish_millis = 0;
  std::string_view topic;
  std::string_view id;
  std::string_view type_name;  // the payload's full name, without prefix
  // The event as one element of a repeated field 1 of events (`EventBatch.events`, `ListEventsResponse.events`), tag
  // and length included: elements that are put one after another are a batch.
  std::string_view element;
};

// Up to 16 events or 8 KiB, in log order, in wire form. Const after it is made; any thread.
class Chunk {
 public:
  static constexpr size_t kEventsMax = 16;
  static constexpr size_t kBytesMax = 8 << 10;  // a single event may exceed it

  // Reads the elements in `bytes`, about so many. DATA_LOSS when they are not what an engine wrote.
  static absl::StatusOr<std::shared_ptr<const Chunk>> Parse(std::string bytes, size_t events = kEventsMax);

  const std::vector<StoredEvent>& events() const { return events_; }
  std::string_view bytes() const { return bytes_; }
  bool Holds(uint64_t sequence) const { return first_sequence() <= sequence && sequence <= last_sequence(); }
  // Sequences within a chunk have no holes. `sequence` must be held.
  const StoredEvent& at(uint64_t sequence) const { return events_[sequence - first_sequence()]; }
  uint64_t first_sequence() const { return events_.front().sequence; }
  uint64_t last_sequence() const { return events_.back().sequence; }

  Chunk(const Chunk&) = delete;
  Chunk& operator=(const Chunk&) = delete;

 private:
  friend class ChunkBuilder;
  explicit Chunk(std::string bytes) : bytes_(std::move(bytes)) {}

  std::string bytes_;
  std::vector<StoredEvent> events_;  // never empty
};

using ChunkPtr = std::shared_ptr<const Chunk>;

}  // namespace weir::log

#endif  // WEIR_LOG_CHUNK_H_
