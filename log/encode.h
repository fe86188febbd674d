// Writes new events in the form in which they are stored, sent and kept in memory: once, without a message object.
#ifndef WEIR_LOG_ENCODE_H_
#define WEIR_LOG_ENCODE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/cursor.h"
#include "log/chunk.h"
#include "log/log_engine.h"

namespace weir::log {

// Puts events that follow each other into chunks. One thread.
class ChunkBuilder {
 public:
  // For events of one Append: they share a publish time.
  ChunkBuilder(Epoch epoch, int64_t publish_millis);

  // Whether the event still fits into the chunk under construction; always true when that is empty.
  bool Fits(const NewEvent& event, uint64_t sequence) const;

  // Splices cursor, sequence and publish time between the event's own fields, in field-number order. `sequence` follows
  // the one before. Returns the bytes of the element.
  size_t Add(const NewEvent& event, uint64_t sequence);

  size_t events() const { return count_; }

  // The chunk; the next one begins. At least one event was added.
  ChunkPtr Finish();

 private:
  // Where an event's parts lie in bytes_.
  struct Place {
    uint64_t sequence;
    size_t element;
    size_t topic;
    size_t topic_size;
    size_t id;
    size_t id_size;
    size_t type_name;
    size_t type_name_size;
  };

  size_t BodySize(const NewEvent& event, uint64_t sequence) const;

  const Epoch epoch_;
  const int64_t publish_millis_;
  const std::string publish_time_;
  std::string bytes_;
  std::array<Place, Chunk::kEventsMax> places_;
  size_t count_ = 0;
};

// Whether publishing `event` again means the same fact as the stored one: equal time, attributes and payload. An event
// without a time of its own equals one that was stored without.
bool SameContent(const NewEvent& event, const StoredEvent& stored);
bool SameContent(const NewEvent& a, const NewEvent& b);

// Writes `epoch` into the cursors of a stored chunk's elements when they name another: the log has a new epoch since.
// False when the bytes are not elements.
bool ReplaceEpoch(std::string& elements, Epoch epoch);

}  // namespace weir::log

#endif  // WEIR_LOG_ENCODE_H_
