#include "clients/cpp/event_bytes.h"

#include <gtest/gtest.h>

#include <string>

#include "base/event_view.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/wrappers.pb.h"

namespace weir::client {
namespace {

v1::Event Parsed(const std::string& bytes) {
  v1::Event event;
  EXPECT_TRUE(event.ParseFromString(bytes));
  return event;
}

TEST(EventBytes, HoldEverythingThatWasGiven) {
  google::protobuf::StringValue payload;
  payload.set_value("hello");
  const v1::Event event = Parsed(EventBytes({.topic = "a.b",
                                             .id = "e1",
                                             .time = absl::FromUnixMillis(1'500),
                                             .attributes = {{"k", "v"}, {"empty", ""}},
                                             .payload = payload}));
  EXPECT_EQ(event.topic(), "a.b");
  EXPECT_EQ(event.id(), "e1");
  EXPECT_EQ(event.time().seconds(), 1);
  EXPECT_EQ(event.time().nanos(), 500'000'000);
  EXPECT_EQ(event.attributes().at("k"), "v");
  EXPECT_EQ(event.attributes().at("empty"), "");
  google::protobuf::StringValue unpacked;
  ASSERT_TRUE(event.payload().UnpackTo(&unpacked));
  EXPECT_EQ(unpacked.value(), "hello");
}

TEST(EventBytes, AreCanonicalAndThoseOfTheLibrary) {
  google::protobuf::Struct payload;
  for (const char* key : {"z", "a", "m", "b"}) {
    (*payload.mutable_fields())[key].set_number_value(1);
  }
  const std::string bytes =
      EventBytes({.topic = "a", .id = "e", .attributes = {{"b", "2"}, {"a", "1"}}, .payload = payload});
  EventView view;
  EXPECT_EQ(ReadEvent(bytes, view), EventForm::kCanonical);
  EXPECT_EQ(EventBytes(Parsed(bytes)).size(), bytes.size());

  v1::Event event;
  event.set_topic("a");
  event.set_id("e");
  (*event.mutable_attributes())["b"] = "2";
  (*event.mutable_attributes())["a"] = "1";
  event.mutable_payload()->set_type_url("type.googleapis.com/google.protobuf.Empty");
  const std::string message = EventBytes(event);
  EXPECT_EQ(ReadEvent(message, view), EventForm::kCanonical);
  EXPECT_EQ(EventBytes(event), message);
}

TEST(EventBytes, AnEmptyPayloadHasAType) {
  const v1::Event event = Parsed(EventBytes({.topic = "a", .payload = google::protobuf::StringValue()}));
  EXPECT_EQ(event.payload().type_url(), "type.googleapis.com/google.protobuf.StringValue");
  EXPECT_EQ(event.payload().value(), "");
}

TEST(EventBytes, AMissingIdIsMade) {
  v1::Event event;
  event.set_topic("a");
  EXPECT_EQ(Parsed(EventBytes(event)).id().size(), 36U);
  EXPECT_EQ(Parsed(EventBytes({.topic = "a", .payload = google::protobuf::StringValue()})).id().size(), 36U);
}

}  // namespace
}  // namespace weir::client
