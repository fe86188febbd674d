// Whatever is in an event, a reader of the stream sees exactly the events that were written: nothing in a payload, an
// attribute or an id can begin a line, a field or an event of its own.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "apps/goals/v1/goals.pb.h"
#include "apps/notifications/v1/notifications.pb.h"
#include "apps/vehicles/v1/vehicles.pb.h"
#include "edge/render/presentation.h"
#include "tests/support/event_schema.h"
#include "tests/support/property.h"
#include "tests/support/random_proto.h"
#include "tests/support/sse_parser.h"
#include "weir/v1/event.pb.h"

namespace weir::edge {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using nlohmann::json;
using test::Random;
using test::SseMessage;

// Text that would end a line, a block or a string, if anything let it.
std::string Hostile(Random& random) {
  static const std::vector<std::string> kPieces = {"\n",
                                                   "\r",
                                                   "\r\n",
                                                   "\n\n",
                                                   "data: x",
                                                   "event: x",
                                                   "id: 9",
                                                   "id:",
                                                   "retry: 1",
                                                   ":",
                                                   " ",
                                                   "\"",
                                                   "\\",
                                                   "}",
                                                   "{",
                                                   "\u2028",
                                                   "\u2029",
                                                   "\u0085",
                                                   "a",
                                                   "é",
                                                   "\x7f",
                                                   "\x01",
                                                   std::string(1, '\0'),
                                                   "\xEF\xBB\xBF",
                                                   "</script>"};
  std::string text;
  for (size_t pieces = random.Below(8); pieces > 0; --pieces) {
    text += random.Pick(kPieces);
  }
  return text;
}

// Sets its texts, and those of the messages in it.
void Fill(Random& random, Message& message) {
  const auto& reflection = *message.GetReflection();
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor& field = *message.GetDescriptor()->field(i);
    if (field.is_map() || random.OneIn(3)) {
      continue;
    }
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      field.is_repeated() ? reflection.AddString(&message, &field, Hostile(random))
                          : reflection.SetString(&message, &field, Hostile(random));
    } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
               field.message_type()->full_name().starts_with("apps.")) {
      Fill(random, field.is_repeated() ? *reflection.AddMessage(&message, &field)
                                       : *reflection.MutableMessage(&message, &field));
    }
  }
}

v1::Event AnyEvent(Random& random) {
  v1::Event event;
  event.set_sequence(random.Bits());
  event.set_cursor("abcdefgh-" + std::to_string(event.sequence()));
  event.set_topic(Hostile(random));
  event.set_id(Hostile(random));
  event.mutable_publish_time()->set_seconds(static_cast<int64_t>(random.Below(2'000'000'000)));
  for (const std::string key : {"tenant_id", "trace"}) {
    if (random.OneIn(2)) {
      (*event.mutable_attributes())[key] = Hostile(random);
    }
  }
  apps::goals::v1::GoalCreated goal;
  apps::notifications::v1::Notification notification;
  apps::vehicles::v1::VehicleUpdate vehicles;
  Message* const payload = random.OneIn(3)   ? static_cast<Message*>(&goal)
                           : random.OneIn(2) ? static_cast<Message*>(&notification)
                                             : static_cast<Message*>(&vehicles);
  Fill(random, *payload);
  event.mutable_payload()->PackFrom(*payload);
  return event;
}

PresentationOptions AnyOptions(Random& random) {
  PresentationOptions options;
  options.field_names = random.OneIn(2) ? FieldNames::kCamel : FieldNames::kProto;
  options.envelope =
      std::vector{EnvelopeKind::kNone, EnvelopeKind::kEvent, EnvelopeKind::kCloudEvents}[random.Below(3)];
  for (const std::string member : {"timestamp", "eventId", "topic", "sequence"}) {
    if (random.OneIn(2)) {
      options.members.push_back(member);
    }
  }
  options.attributes = {"tenant_id", "trace"};
  options.event_name = random.OneIn(2) ? "named" : "";
  return options;
}

const Schema& Apps() {
  static const std::shared_ptr<const Schema> schema = Schema::Compile(test::AppsSchema()).value();
  return *schema;
}

void ExpectEnvelope(const PresentationOptions& options, const v1::Event& event, const json& data) {
  const auto attributes = [&](const std::string& name, const std::string& key) {
    const auto it = event.attributes().find(key);
    ASSERT_EQ(data.contains(name), it != event.attributes().end());
    ASSERT_TRUE(it == event.attributes().end() || data[name] == it->second);
  };
  if (options.envelope == EnvelopeKind::kNone) {
    return;
  }
  attributes("trace", "trace");
  if (options.envelope == EnvelopeKind::kCloudEvents) {
    ASSERT_EQ(data["id"], event.id());
    ASSERT_EQ(data["subject"], event.topic());
    attributes("tenantid", "tenant_id");
    return;
  }
  attributes(options.field_names == FieldNames::kProto ? "tenant_id" : "tenantId", "tenant_id");
  for (const std::string& member : options.members) {
    ASSERT_TRUE(member != "eventId" || data[member] == event.id());
    ASSERT_TRUE(member != "topic" || data[member] == event.topic());
    ASSERT_TRUE(member != "sequence" || data[member] == std::to_string(event.sequence()));
  }
}

TEST(SseProperty, AReaderSeesTheEventsThatWereWrittenAndAPollTheSame) {
  test::ForAll(150, [](Random& random) {
    const PresentationOptions options = AnyOptions(random);
    const Presentation presentation(options);
    std::string stream;
    std::string items;
    std::vector<v1::Event> events;
    for (size_t count = 1 + random.Below(6); count > 0; --count) {
      events.push_back(AnyEvent(random));
      const std::string bytes = test::Deterministic(events.back());
      EventView view;
      ASSERT_EQ(ReadEvent(bytes, view), EventForm::kCanonical);
      ASSERT_TRUE(presentation.AppendFrame(view, Apps(), stream).ok());
      items += items.empty() ? "[" : ",";
      ASSERT_TRUE(presentation.AppendPollItem(view, Apps(), items).ok());
    }
    const test::SseText text = test::ParseSse(stream);
    const json polled = json::parse(items + "]");
    ASSERT_TRUE(text.complete && text.dropped == 0 && text.unknown == 0 && text.comments == 0) << stream;
    ASSERT_EQ(text.messages.size(), events.size()) << stream;
    ASSERT_EQ(polled.size(), events.size()) << items;
    for (size_t i = 0; i < events.size(); ++i) {
      const SseMessage& message = text.messages[i];
      const std::string type = events[i].payload().type_url().substr(sizeof("type.googleapis.com/") - 1);
      ASSERT_EQ(message.event, options.event_name.empty() ? Apps().EventName(type) : options.event_name);
      ASSERT_EQ(message.id, events[i].cursor());
      ASSERT_FALSE(message.retry.has_value());
      ASSERT_EQ(polled[i]["id"], events[i].cursor());
      ASSERT_EQ(polled[i]["event"], message.event);
      const json data = json::parse(message.data);
      ASSERT_EQ(polled[i]["data"], data);
      ExpectEnvelope(options, events[i], data);
      // Clients that split at these too must see one line.
      ASSERT_EQ(message.data.find("\u2028"), std::string::npos);
      ASSERT_EQ(message.data.find("\u0085"), std::string::npos);
    }
  });
}

// An event that cannot be shown leaves no trace in the stream.
TEST(SseProperty, AMutatedEventIsOneEventOrNone) {
  int shown = 0;
  int refused = 0;
  test::ForAll(2000, [&](Random& random) {
    const Presentation presentation(AnyOptions(random));
    const std::string bytes = random.Mutated(test::Deterministic(AnyEvent(random)));
    EventView view;
    ReadEvent(bytes, view);
    std::string out = "data: before\n\n";
    const bool ok = presentation.AppendFrame(view, Apps(), out).ok();
    const test::SseText text = test::ParseSse(out);
    ASSERT_TRUE(text.complete && text.dropped == 0 && text.unknown == 0 && text.comments == 0) << out;
    ASSERT_EQ(text.messages.size(), ok ? 2u : 1u) << out;
    ASSERT_TRUE(!ok || text.messages[1].id == view.cursor);
    ASSERT_TRUE(!ok || json::accept(text.messages[1].data)) << out;
    ++(ok ? shown : refused);
  });
  EXPECT_GT(shown, 100);
  EXPECT_GT(refused, 100);
}

TEST(SseProperty, AControlFrameIsOneEventWhateverItIsGiven) {
  test::ForAll(5000, [](Random& random) {
    const std::string name = random.OneIn(2) ? "weir.gap" : Hostile(random);
    const std::string id = random.OneIn(2) ? "abcdefgh-7" : Hostile(random);
    const std::string data = Hostile(random);
    const int64_t retry = random.OneIn(2) ? -1 : static_cast<int64_t>(random.Below(100'000));
    std::string out = "data: before\n\n";
    AppendControlFrame(name, id, data, retry, out);
    const test::SseText text = test::ParseSse(out);
    SseMessage expected{.event = IsEventName(name) ? name : "", .id = {}, .data = data, .retry = {}};
    if (IsEventId(id)) {
      expected.id = id;
    }
    if (retry >= 0) {
      expected.retry = static_cast<uint64_t>(retry);
    }
    for (char& c : expected.data) {
      c = c == '\r' ? '\n' : c;  // a line's end either way
    }
    ASSERT_TRUE(text.complete && text.dropped == 0 && text.unknown == 0 && text.comments == 0) << out;
    ASSERT_EQ(text.messages.size(), 2u) << out;
    ASSERT_EQ(text.messages[1], expected) << out;
  });
}

}  // namespace
}  // namespace weir::edge
