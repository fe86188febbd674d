// An event read into views says what the protobuf library says, and reads what the library writes. The input is the
// wire form of an Event, and then again of a batch of them.
#include <algorithm>
#include <map>
#include <string>

#include "base/event_view.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/stubs/logging.h"
#include "tests/fuzz/fuzz.h"
#include "weir/v1/event_bus.pb.h"

namespace weir {
namespace {

using fuzz::Expect;

std::string Deterministic(const v1::Event& event) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  event.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

void ExpectSame(const EventView& view, const v1::Event& event) {
  Expect(view.cursor == event.cursor() && view.sequence == event.sequence() && view.topic == event.topic() &&
             view.id == event.id(),
         "the views of an event's place and name");
  google::protobuf::Timestamp time;
  Expect(view.has_time == event.has_time(), "whether it has a time");
  Expect(time.ParseFromString(std::string(view.time)) && time.seconds() == event.time().seconds() &&
             time.nanos() == event.time().nanos(),
         "the view of its time");
  Expect(view.type_url == event.payload().type_url() && view.payload == event.payload().value(),
         "the views of its payload");
  Expect(event.payload().type_url().ends_with(view.type_name()) && view.type_name().find('/') == std::string::npos,
         "the name of its type");
  std::map<std::string, std::string> attributes;
  std::string_view last;
  ForEachAttribute(view.attributes, [&](std::string_view key, std::string_view value) {
    Expect(attributes.empty() || last < key, "attributes in order");
    attributes.emplace(key, value);
    last = key;
  });
  Expect(attributes == std::map<std::string, std::string>(event.attributes().begin(), event.attributes().end()),
         "its attributes");
  v1::Event tail;
  Expect(tail.ParseFromString(std::string(view.tail)), "the tail is fields of an event");
  Expect(tail.payload().value() == event.payload().value() && tail.attributes_size() == event.attributes_size(),
         "the tail is attributes and payload");
}

void TryEvent(std::string_view bytes) {
  EventView view;
  const EventForm form = ReadEvent(bytes, view);
  v1::Event event;
  if (!event.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return;
  }
  if (form == EventForm::kCanonical) {
    ExpectSame(view, event);
  }
  event.DiscardUnknownFields();
  const std::string written = Deterministic(event);
  EventView again;
  Expect(ReadEvent(written, again) == EventForm::kCanonical, "what the library writes is canonical");
  ExpectSame(again, event);
}

}  // namespace
}  // namespace weir

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const google::protobuf::LogSilencer quiet;
  const std::string_view bytes = weir::fuzz::Text(data, size);
  weir::TryEvent(bytes);
  int events = 0;
  const bool well_formed = weir::ForEachEvent(bytes, [&](std::string_view element, std::string_view event) {
    weir::fuzz::Expect(element.ends_with(event) && element.size() > event.size(), "an element holds its event");
    ++events;
    weir::TryEvent(event);
    return true;
  });
  weir::v1::EventBatch batch;
  if (well_formed && batch.ParseFromArray(data, static_cast<int>(size))) {
    weir::fuzz::Expect(batch.events_size() == events, "a batch has as many events as the library finds");
  }
  return 0;
}
