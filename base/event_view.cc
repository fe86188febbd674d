#include "base/event_view.h"

namespace weir {
namespace {

using wire::Field;
using wire::Reader;
using wire::Type;

// Reads a two-field message of bytes fields 1 and 2 (a map entry, an Any). Canonical: in order, each at most once.
EventForm ReadPair(std::string_view bytes, std::string_view& first, std::string_view& second) {
  uint32_t last = 0;
  EventForm form = EventForm::kCanonical;
  Reader reader(bytes);
  for (Field field; reader.Next(field);) {
    if (field.number <= last || field.number > 2 || field.type != Type::kBytes) {
      form = EventForm::kOther;
      continue;
    }
    last = field.number;
    (field.number == 1 ? first : second) = field.bytes;
  }
  return reader.ok() ? form : EventForm::kMalformed;
}

EventForm Worse(EventForm a, EventForm b) { return a > b ? a : b; }

// The range from the start of `from` to the end of `to`; both lie in one buffer.
std::string_view Span(std::string_view from, std::string_view to) {
  const char* begin = from.empty() ? to.data() : from.data();
  return {begin, static_cast<size_t>(to.data() + to.size() - begin)};
}

}  // namespace

EventForm ReadEvent(std::string_view bytes, EventView& view) {
  view = EventView();
  EventForm form = EventForm::kCanonical;
  uint32_t last = 0;
  std::string_view last_key;
  Reader reader(bytes);
  for (Field field; reader.Next(field);) {
    const bool repeated_attribute = field.number == 7 && last == 7;
    const bool type_fits = field.type == (field.number == 2 ? Type::kVarint : Type::kBytes);
    if (field.number > 8 || !type_fits || (field.number <= last && !repeated_attribute)) {
      form = Worse(form, EventForm::kOther);
      continue;
    }
    last = field.number;
    switch (field.number) {
      case 1:
        view.cursor = field.bytes;
        break;
      case 2:
        view.sequence = field.value;
        break;
      case 3:
        view.topic = field.bytes;
        break;
      case 4:
        view.id = field.bytes;
        break;
      case 5:
        view.time = field.bytes;
        view.has_time = true;
        break;
      case 6:
        view.publish_time = field.bytes;
        break;
      case 7: {
        std::string_view key;
        std::string_view value;
        form = Worse(form, ReadPair(field.bytes, key, value));
        if (repeated_attribute && key <= last_key) {
          form = Worse(form, EventForm::kOther);  // a map's last entry of a key wins; canonical maps are sorted
        }
        last_key = key;
        view.attributes = Span(view.attributes, field.raw);
        view.tail = view.attributes;
        break;
      }
      case 8:
        form = Worse(form, ReadPair(field.bytes, view.type_url, view.payload));
        view.tail = Span(view.attributes, field.raw);
        break;
      default:
        break;
    }
  }
  return reader.ok() ? form : EventForm::kMalformed;
}

}  // namespace weir
