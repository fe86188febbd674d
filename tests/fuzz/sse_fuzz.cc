// Whatever an event holds, a reader of the stream sees one event, with its name, id and data, or none; and a poll holds
// the same. The input is the wire form of an Event of one of the applications' types; its bytes serve as the parts of a
// control frame, too.
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "edge/render/presentation.h"
#include "google/protobuf/stubs/logging.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/event_schema.h"
#include "tests/support/sse_parser.h"

namespace weir::edge {
namespace {

using fuzz::Expect;

const Schema& Apps() {
  static const std::shared_ptr<const Schema> schema = Schema::Compile(test::AppsSchema()).value();
  return *schema;
}

// What follows a first event in a stream.
test::SseText After(std::string_view first, std::string_view out) {
  const test::SseText text = test::ParseSse(std::string(first) + std::string(out));
  Expect(text.complete && text.dropped == 0 && text.unknown == 0 && text.comments == 0, "only whole events");
  Expect(!text.messages.empty() && text.messages[0].data == "before", "an event leaves those before it alone");
  return text;
}

constexpr std::string_view kBefore = "data: before\n\n";

void TryEvent(const EventView& event, const PresentationOptions& options) {
  const Presentation presentation(options);
  std::string out;
  std::string item;
  const bool shown = presentation.AppendFrame(event, Apps(), out).ok();
  Expect(presentation.AppendPollItem(event, Apps(), item).ok() == shown, "a poll shows what a stream shows");
  const test::SseText text = After(kBefore, out);
  Expect(text.messages.size() == (shown ? 2u : 1u), "one event, or none");
  if (!shown) {
    Expect(out.empty() && item.empty(), "what is not shown leaves no trace");
    return;
  }
  const test::SseMessage& message = text.messages[1];
  Expect(message.id == event.cursor && !message.retry.has_value(), "its id is its cursor");
  Expect(IsEventName(message.event), "its name is one");
  const auto data = nlohmann::json::parse(message.data, nullptr, false);
  const auto polled = nlohmann::json::parse(item, nullptr, false);
  Expect(!data.is_discarded() && !polled.is_discarded(), "its data is JSON");
  Expect(polled["id"] == *message.id && polled["event"] == message.event && polled["data"] == data,
         "a poll shows the same");
}

void TryControlFrame(std::string_view name, std::string_view id, std::string_view data) {
  std::string out;
  AppendControlFrame(name, id, data, static_cast<int64_t>(data.size()) - 1, out);
  const test::SseText text = After(kBefore, out);
  Expect(text.messages.size() == 2, "a control frame is one event");
  const test::SseMessage& message = text.messages[1];
  std::string lines(data);
  std::replace(lines.begin(), lines.end(), '\r', '\n');
  Expect(message.data == lines, "a control frame's data");
  Expect(message.event == (IsEventName(name) ? name : ""), "a control frame's name");
  Expect(message.id.value_or("") == (IsEventId(id) ? id : ""), "a control frame's id");
}

}  // namespace
}  // namespace weir::edge

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace weir::edge;
  const google::protobuf::LogSilencer quiet;
  weir::EventView event;
  if (weir::ReadEvent(weir::fuzz::Text(data, size), event) != weir::EventForm::kMalformed) {
    PresentationOptions options;
    TryEvent(event, options);
    options.envelope = EnvelopeKind::kEvent;
    options.members = {"timestamp", "eventId", "topic", "sequence"};
    options.attributes = {"tenant_id", "trace"};
    TryEvent(event, options);
    options.envelope = EnvelopeKind::kCloudEvents;
    options.event_name = "named";
    TryEvent(event, options);
  }
  const std::string_view text = weir::fuzz::Text(data, size);
  TryControlFrame(text.substr(0, size / 3), text.substr(size / 3, size / 3), text.substr(size / 3 * 2));
  TryControlFrame(event.topic, event.id, event.payload);
  return 0;
}
