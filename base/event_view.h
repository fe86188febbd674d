// A `weir.v1.Event` read from its wire bytes into views, without a message object.
#ifndef WEIR_BASE_EVENT_VIEW_H_
#define WEIR_BASE_EVENT_VIEW_H_

#include <cstdint>
#include <string_view>

#include "base/wire.h"

namespace weir {

// Views into the bytes of one event; they must outlive it. Fields that are absent are empty or 0.
struct EventView {
  std::string_view cursor;
  uint64_t sequence = 0;
  std::string_view topic;
  std::string_view id;
  std::string_view time;          // wire bytes of google.protobuf.Timestamp
  bool has_time = false;          // a present but empty Timestamp is 1970-01-01T00:00:00Z
  std::string_view publish_time;  // wire bytes of google.protobuf.Timestamp
  std::string_view attributes;    // the records of field 7, tags included: see ForEachAttribute
  std::string_view type_url;      // payload.type_url as it stands
  std::string_view payload;       // payload.value
  std::string_view tail;          // the records of fields 7 and 8, tags included

  // The full name of the payload's type: what follows the last `/` of type_url.
  std::string_view type_name() const {
    const size_t slash = type_url.rfind('/');
    return slash == std::string_view::npos ? type_url : type_url.substr(slash + 1);
  }
};

enum class EventForm {
  // Fields in number order, singular ones once, none unknown; also inside attributes' entries and the payload's Any.
  // The views are complete.
  kCanonical,
  // Well-formed, but written otherwise: parse and serialise it as a message first. The views may be incomplete.
  kOther,
  // Not a message.
  kMalformed,
};

// Reads `bytes` (an Event without its own tag and length). Checks form, not meaning: topics, UTF-8 and limits are the
// caller's.
EventForm ReadEvent(std::string_view bytes, EventView& view);

// Calls `visit(key, value)` for each attribute of a canonical event, in order.
template <typename F>
void ForEachAttribute(std::string_view attributes, F&& visit) {
  wire::Field entry;
  for (wire::Reader entries(attributes); entries.Next(entry);) {
    std::string_view key;
    std::string_view value;
    wire::Field field;
    for (wire::Reader reader(entry.bytes); reader.Next(field);) {
      (field.number == 1 ? key : value) = field.bytes;
    }
    visit(key, value);
  }
}

// Calls `visit(element, event)` for each element of a repeated field of events (`EventBatch.events`,
// `PublishStreamRequest.events`: both are field 1). `element` holds tag and length, `event` does not. `visit` returns
// false to stop. Returns false when the bytes are malformed or hold another field than 1.
template <typename F>
bool ForEachEvent(std::string_view batch, F&& visit) {
  wire::Reader reader(batch);
  for (wire::Field field; reader.Next(field);) {
    if (field.number != 1 || field.type != wire::Type::kBytes) {
      return false;
    }
    if (!visit(field.raw, field.bytes)) {
      return true;
    }
  }
  return reader.ok();
}

}  // namespace weir

#endif  // WEIR_BASE_EVENT_VIEW_H_
