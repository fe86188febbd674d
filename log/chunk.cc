#include "log/chunk.h"

#include "absl/status/status.h"
#include "base/event_view.h"
#include "fmt/format.h"

namespace weir::log {

absl::StatusOr<ChunkPtr> Chunk::Parse(std::string bytes, size_t events) {
  // Not make_shared: the constructor is private.
  std::shared_ptr<Chunk> chunk(new Chunk(std::move(bytes)));
  chunk->events_.reserve(events);
  bool well_formed = true;
  const bool complete = ForEachEvent(chunk->bytes_, [&](std::string_view element, std::string_view bytes_of_event) {
    EventView view;
    StoredEvent event;
    well_formed = ReadEvent(bytes_of_event, view) == EventForm::kCanonical && view.sequence != 0 &&
                  wire::MillisFromTimestamp(view.publish_time, event.publish_millis) &&
                  (chunk->events_.empty() || view.sequence == chunk->events_.back().sequence + 1);
    event.sequence = view.sequence;
    event.topic = view.topic;
    event.id = view.id;
    event.type_name = view.type_name();
    event.element = element;
    chunk->events_.push_back(event);
    return well_formed;
  });
  if (!complete || !well_formed || chunk->events_.empty()) {
    return absl::DataLossError(
        fmt::format("a chunk of {} bytes does not hold events of the log", chunk->bytes_.size()));
  }
  return chunk;
}

}  // namespace weir::log
