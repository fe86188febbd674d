#include "base/event_view.h"

#include <gmock/gmock.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "weir/v1/event_bus.pb.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::Pair;

// With sorted maps, as the log stores events.
std::string Canonical(const google::protobuf::Message& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream out(&stream);
    out.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&out);
  }
  return bytes;
}

v1::Event Example() {
  v1::Event event;
  event.set_cursor("k3x9q0ab-7");
  event.set_sequence(7);
  event.set_topic("a.b");
  event.set_id("id");
  event.mutable_time()->set_seconds(5);
  event.mutable_publish_time()->set_seconds(6);
  (*event.mutable_attributes())["b"] = "2";
  (*event.mutable_attributes())["a"] = "1";
  event.mutable_payload()->set_type_url("type.googleapis.com/apps.v1.Thing");
  event.mutable_payload()->set_value("\x0a\x01x");
  return event;
}

std::vector<std::pair<std::string, std::string>> AttributesOf(const EventView& view) {
  std::vector<std::pair<std::string, std::string>> attributes;
  ForEachAttribute(view.attributes, [&](std::string_view key, std::string_view value) {
    attributes.emplace_back(std::string(key), std::string(value));
  });
  return attributes;
}

void ExpectSame(const EventView& view, const v1::Event& event) {
  EXPECT_EQ(view.cursor, event.cursor());
  EXPECT_EQ(view.sequence, event.sequence());
  EXPECT_EQ(view.topic, event.topic());
  EXPECT_EQ(view.id, event.id());
  EXPECT_EQ(view.has_time, event.has_time());
  google::protobuf::Timestamp time;
  EXPECT_TRUE(time.ParseFromString(std::string(view.time)));
  EXPECT_EQ(time.SerializeAsString(), event.time().SerializeAsString());
  EXPECT_TRUE(time.ParseFromString(std::string(view.publish_time)));
  EXPECT_EQ(time.SerializeAsString(), event.publish_time().SerializeAsString());
  EXPECT_EQ(view.type_url, event.payload().type_url());
  EXPECT_EQ(view.payload, event.payload().value());
  const auto attributes = AttributesOf(view);
  EXPECT_EQ((std::map<std::string, std::string>(attributes.begin(), attributes.end())),
            (std::map<std::string, std::string>(event.attributes().begin(), event.attributes().end())));
  v1::Event tail;
  ASSERT_TRUE(tail.ParseFromString(std::string(view.tail)));
  v1::Event expected;
  *expected.mutable_attributes() = event.attributes();
  if (event.has_payload()) {
    *expected.mutable_payload() = event.payload();
  }
  EXPECT_EQ(Canonical(tail), Canonical(expected));
}

TEST(ReadEvent, ViewsACanonicalEvent) {
  const std::string bytes = Canonical(Example());
  EventView view;
  ASSERT_EQ(ReadEvent(bytes, view), EventForm::kCanonical);
  ExpectSame(view, Example());
  EXPECT_EQ(view.type_name(), "apps.v1.Thing");
  EXPECT_THAT(AttributesOf(view), ElementsAre(Pair("a", "1"), Pair("b", "2")));
  EXPECT_GE(view.tail.data(), bytes.data());
  EXPECT_EQ(view.tail.data() + view.tail.size(), bytes.data() + bytes.size());
}

TEST(ReadEvent, ForgetsWhatTheViewHeld) {
  const std::string bytes = Canonical(Example());
  EventView view;
  ASSERT_EQ(ReadEvent(bytes, view), EventForm::kCanonical);
  ASSERT_EQ(ReadEvent("", view), EventForm::kCanonical);
  ExpectSame(view, v1::Event());
}

TEST(ReadEvent, KnowsAnEmptyTimeFromNone) {
  EventView view;
  ASSERT_EQ(ReadEvent(std::string_view("\x2a\x00", 2), view), EventForm::kCanonical);
  EXPECT_TRUE(view.has_time);
  EXPECT_EQ(view.time, "");
}

TEST(ReadEvent, ViewsRandomEvents) {
  std::mt19937 random(3);
  const auto text = [&](size_t bytes_max) {
    std::string out(random() % (bytes_max + 1), '\0');
    for (char& c : out) {
      c = static_cast<char>('a' + random() % 26);
    }
    return out;
  };
  const auto maybe = [&] { return random() % 2 == 0; };
  for (int round = 0; round < 2000; ++round) {
    v1::Event event;
    if (maybe()) {
      event.set_cursor(text(20));
    }
    if (maybe()) {
      event.set_sequence(uint64_t{random()} << (random() % 32));
    }
    event.set_topic(text(200));
    event.set_id(text(3));
    if (maybe()) {
      event.mutable_time()->set_seconds(static_cast<int64_t>(random() % 5));
    }
    if (maybe()) {
      event.mutable_publish_time()->set_nanos(static_cast<int32_t>(random() % 5));
    }
    for (size_t count = random() % 4; count > 0; --count) {
      (*event.mutable_attributes())[text(3)] = text(300);
    }
    if (maybe()) {
      event.mutable_payload()->set_type_url(text(30));
      event.mutable_payload()->set_value(text(400));
    }
    const std::string bytes = Canonical(event);
    EventView view;
    ASSERT_EQ(ReadEvent(bytes, view), EventForm::kCanonical) << event.DebugString();
    ExpectSame(view, event);
    ASSERT_FALSE(HasFailure()) << event.DebugString();
  }
}

std::string Field(uint32_t number, std::string_view bytes) {
  std::string out;
  wire::AppendBytes(out, number, bytes);
  return out;
}

TEST(ReadEvent, TellsOtherFormsApart) {
  const std::string topic = Field(3, "t");
  const std::string id = Field(4, "i");
  const std::string a = Field(7, Field(1, "a") + Field(2, "1"));
  const std::string b = Field(7, Field(1, "b") + Field(2, "1"));
  const std::string payload = Field(8, Field(1, "u") + Field(2, "v"));
  std::string number;
  wire::AppendUint64(number, 9, 1);
  std::string topic_as_number;
  wire::AppendUint64(topic_as_number, 3, 1);
  const std::string others[] = {
      id + topic,                                              // not in number order
      topic + topic,                                           // twice
      payload + payload,                                       // twice: the library merges them
      payload + a,                                             // not in number order
      a + topic + b,                                           // a repeated field in two places
      b + a,                                                   // a map that is not sorted
      a + a,                                                   // a map's key twice
      topic + number,                                          // an unknown field
      topic_as_number,                                         // another wire type
      Field(2, "7"),                                           // another wire type
      Field(7, Field(2, "1") + Field(1, "a")),                 // a map entry not in order
      Field(7, Field(1, "a") + Field(1, "b")),                 // a map entry with its key twice
      Field(7, Field(1, "a") + Field(2, "1") + Field(3, "")),  // an unknown field in a map entry
      Field(7, number),                                        // another wire type in a map entry
      Field(8, Field(2, "v") + Field(1, "u")),                 // a payload not in order
      Field(8, Field(1, "u") + number),                        // an unknown field in the payload
  };
  EventView view;
  EXPECT_EQ(ReadEvent(topic + id + a + b + payload, view), EventForm::kCanonical);
  for (const std::string& bytes : others) {
    EXPECT_EQ(ReadEvent(bytes, view), EventForm::kOther) << testing::PrintToString(bytes);
    v1::Event event;
    EXPECT_TRUE(event.ParseFromString(bytes)) << testing::PrintToString(bytes);
  }
}

TEST(ReadEvent, RefusesWhatIsNoMessage) {
  EventView view;
  for (const std::string& bytes : {
           std::string("\x1a\x05t"),                // cut off
           std::string("\x1a"),                     // a tag alone
           Field(7, "\x0a\x05k"),                   // a map entry that is cut off
           Field(8, "\x0a"),                        // a payload that is cut off
           Field(4, "i") + Field(3, "t") + "\x1a",  // in another form first
           Field(8, Field(2, "v") + Field(1, "u") + "\x0a"),
           Field(7, "\x0a\x05k") + Field(3, "t"),  // the worse verdict stays
       }) {
    EXPECT_EQ(ReadEvent(bytes, view), EventForm::kMalformed) << testing::PrintToString(bytes);
    v1::Event event;
    EXPECT_FALSE(event.ParseFromString(bytes)) << testing::PrintToString(bytes);
  }
}

// Whatever the bytes: what is called canonical is what the library reads, and what it reads is never called malformed.
TEST(ReadEvent, AgreesWithTheLibraryOnDamagedEvents) {
  const google::protobuf::LogSilencer silence;  // of its complaints about UTF-8
  const std::string whole = Canonical(Example());
  std::mt19937 random(9);
  int canonical = 0;
  int other = 0;
  int malformed = 0;
  for (int round = 0; round < 50'000; ++round) {
    std::string bytes = whole;
    for (size_t changes = 1 + random() % 2; changes > 0; --changes) {
      const size_t at = random() % bytes.size();
      if (random() % 4 == 0) {
        bytes.erase(at, 1 + random() % 4);
      } else {
        bytes[at] = static_cast<char>(random() % (random() % 2 == 0 ? 256 : 80));
      }
    }
    EventView view;
    const EventForm form = ReadEvent(bytes, view);
    v1::Event event;
    const bool parsed = event.ParseFromString(bytes);
    if (form == EventForm::kCanonical) {
      ++canonical;
      if (parsed) {  // else a string is no UTF-8, or a time is malformed: not ReadEvent's to judge
        ExpectSame(view, event);
      }
    } else if (form == EventForm::kOther) {
      ++other;
    } else {
      ++malformed;
      bool groups = false;  // which the library skips as unknown
      for (const char tag : bytes) {
        groups = groups || (tag & 7) == 3 || (tag & 7) == 4;
      }
      EXPECT_TRUE(!parsed || groups) << testing::PrintToString(bytes);
    }
    ASSERT_FALSE(HasFailure()) << testing::PrintToString(bytes);
  }
  EXPECT_GT(canonical, 1000);
  EXPECT_GT(other, 1000);
  EXPECT_GT(malformed, 1000);
}

TEST(ForEachEvent, VisitsTheElementsOfABatch) {
  v1::EventBatch batch;
  for (const char* topic : {"a", "b", "c"}) {
    batch.add_events()->set_topic(topic);
  }
  const std::string bytes = batch.SerializeAsString();
  std::vector<std::string> topics;
  std::string joined;
  const auto visit = [&](std::string_view element, std::string_view event) {
    EventView view;
    EXPECT_EQ(ReadEvent(event, view), EventForm::kCanonical);
    topics.emplace_back(view.topic);
    joined += element;
    return true;
  };
  EXPECT_TRUE(ForEachEvent(bytes, visit));
  EXPECT_THAT(topics, ElementsAre("a", "b", "c"));
  EXPECT_EQ(joined, bytes);
  EXPECT_TRUE(ForEachEvent("", visit));
}

TEST(ForEachEvent, StopsWhenToldTo) {
  int visited = 0;
  const std::string bytes = Field(1, "") + Field(1, "") + "\x0a";
  EXPECT_TRUE(ForEachEvent(bytes, [&](std::string_view, std::string_view) { return ++visited < 2; }));
  EXPECT_EQ(visited, 2);
}

TEST(ForEachEvent, RefusesOtherFieldsAndMalformedBytes) {
  std::string number;
  wire::AppendUint64(number, 1, 1);
  const auto visit = [](std::string_view, std::string_view) { return true; };
  for (const std::string& bytes : {Field(2, ""), Field(1, "") + Field(2, ""), number, std::string("\x0a\x05x")}) {
    EXPECT_FALSE(ForEachEvent(bytes, visit)) << testing::PrintToString(bytes);
  }
}

TEST(EventView, TakesTheTypeNameAfterTheLastSlash) {
  EventView view;
  view.type_url = "apps.v1.Thing";
  EXPECT_EQ(view.type_name(), "apps.v1.Thing");
  view.type_url = "https://example.com/a/apps.v1.Thing";
  EXPECT_EQ(view.type_name(), "apps.v1.Thing");
  view.type_url = "apps/";
  EXPECT_EQ(view.type_name(), "");
}

}  // namespace
}  // namespace weir
