#include "log/encode.h"

#include <string>

#include "base/event_view.h"
#include "base/wire.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "log/log_testing.h"
#include "weir/v1/event_bus.pb.h"

namespace weir::log {
namespace {

using testing::ElementsAre;

const Epoch kEpoch = *Epoch::Parse("abcdefgh");
constexpr int64_t kMillis = 1'700'000'000'123;

ChunkPtr BuildOne(const TestEvent& event, uint64_t sequence = 7) {
  const TestBatch batch{event};
  ChunkBuilder builder(kEpoch, kMillis);
  builder.Add(batch.events()[0], sequence);
  return builder.Finish();
}

TEST(EncodeTest, AStoredEventIsAnElementOfAnEventBatch) {
  const ChunkPtr chunk = BuildOne({.topic = "a.b", .id = "id-1", .payload = "hello", .time_millis = 1'500});
  v1::EventBatch batch;
  ASSERT_TRUE(batch.ParseFromString(std::string(chunk->bytes())));
  ASSERT_EQ(batch.events_size(), 1);
  const v1::Event& event = batch.events(0);
  EXPECT_EQ(event.cursor(), "abcdefgh-7");
  EXPECT_EQ(event.sequence(), 7u);
  EXPECT_EQ(event.topic(), "a.b");
  EXPECT_EQ(event.id(), "id-1");
  EXPECT_EQ(event.time().seconds(), 1);
  EXPECT_EQ(event.time().nanos(), 500'000'000);
  EXPECT_EQ(event.publish_time().seconds(), 1'700'000'000);
  EXPECT_EQ(event.publish_time().nanos(), 123'000'000);
  EXPECT_EQ(event.attributes().at("tenant_id"), "acme");
  EXPECT_EQ(event.payload().type_url(), "type.googleapis.com/test.v1.Note");
  EXPECT_EQ(event.payload().value(), "hello");
  // Canonical: another serialiser writes the same.
  EXPECT_EQ(batch.SerializeAsString(), chunk->bytes());
}

TEST(EncodeTest, AnEventWithoutTimeGetsItsPublishTime) {
  v1::EventBatch batch;
  ASSERT_TRUE(batch.ParseFromString(std::string(BuildOne({.id = "1"})->bytes())));
  EXPECT_EQ(batch.events(0).time().SerializeAsString(), batch.events(0).publish_time().SerializeAsString());
}

TEST(EncodeTest, TheBuilderKnowsWhatParsingFinds) {
  TestBatch batch;
  for (int i = 0; i < 16; ++i) {
    batch.Add({.topic = "t." + std::to_string(i),
               .id = std::to_string(i),
               .payload = std::string(static_cast<size_t>(i) * 20, 'x')});
  }
  ChunkBuilder builder(kEpoch, kMillis);
  size_t bytes = 0;
  for (size_t i = 0; i < 16; ++i) {
    ASSERT_TRUE(builder.Fits(batch.events()[i], 95 + i));
    bytes += builder.Add(batch.events()[i], 95 + i);
  }
  EXPECT_FALSE(builder.Fits(batch.events()[0], 111)) << "sixteen are enough";
  const ChunkPtr built = builder.Finish();
  EXPECT_EQ(built->bytes().size(), bytes);
  const ChunkPtr parsed = Chunk::Parse(std::string(built->bytes())).value();
  ASSERT_EQ(built->events().size(), 16u);
  ASSERT_EQ(parsed->events().size(), 16u);
  for (size_t i = 0; i < 16; ++i) {
    const StoredEvent& a = built->events()[i];
    const StoredEvent& b = parsed->events()[i];
    EXPECT_EQ(a.sequence, 95 + i);
    EXPECT_EQ(a.sequence, b.sequence);
    EXPECT_EQ(a.publish_millis, b.publish_millis);
    EXPECT_EQ(a.topic, b.topic);
    EXPECT_EQ(a.id, b.id);
    EXPECT_EQ(a.type_name, b.type_name);
    EXPECT_EQ(a.element, b.element);
    EXPECT_TRUE(parsed->Holds(a.sequence));
    EXPECT_EQ(parsed->at(a.sequence).id, a.id);
  }
  EXPECT_FALSE(parsed->Holds(94));
  EXPECT_FALSE(parsed->Holds(111));
}

TEST(EncodeTest, AChunkHasAtMost8KiBUnlessOneEventIsLarger) {
  const TestBatch batch{{.id = "1", .payload = std::string(5'000, 'x')},
                        {.id = "2", .payload = std::string(3'500, 'x')}};
  ChunkBuilder builder(kEpoch, kMillis);
  builder.Add(batch.events()[0], 1);
  EXPECT_FALSE(builder.Fits(batch.events()[1], 2));
  EXPECT_LE(builder.Finish()->bytes().size(), Chunk::kBytesMax);
  EXPECT_TRUE(builder.Fits(batch.events()[1], 2)) << "the next chunk";
  const TestBatch large{{.id = "1", .payload = std::string(50'000, 'x')}};
  EXPECT_TRUE(builder.Fits(large.events()[0], 2));
}

TEST(EncodeTest, AnyEpochFitsInTheCursorsPlace) {
  std::string bytes(BuildOne({.id = "1"})->bytes());
  const Epoch other = *Epoch::Parse("12345678");
  ASSERT_TRUE(ReplaceEpoch(bytes, other));
  v1::EventBatch batch;
  ASSERT_TRUE(batch.ParseFromString(bytes));
  EXPECT_EQ(batch.events(0).cursor(), "12345678-7");
  std::string garbage = "no elements";
  EXPECT_FALSE(ReplaceEpoch(garbage, other));
}

TEST(EncodeTest, ContentIsTimeAttributesAndPayload) {
  const TestEvent event{.id = "1", .payload = "one", .time_millis = 5};
  const ChunkPtr stored = BuildOne(event);
  EXPECT_TRUE(SameContent(TestBatch{event}.events()[0], stored->events()[0]));
  for (const TestEvent& other :
       {TestEvent{.id = "1", .payload = "two", .time_millis = 5},
        TestEvent{.id = "1", .payload = "one", .time_millis = 6}, TestEvent{.id = "1", .payload = "one"},
        TestEvent{.id = "1", .payload = "one", .type_name = "test.v1.Other", .time_millis = 5}}) {
    EXPECT_FALSE(SameContent(TestBatch{other}.events()[0], stored->events()[0]));
    EXPECT_FALSE(SameContent(TestBatch{other}.events()[0], TestBatch{event}.events()[0]));
  }
  EXPECT_TRUE(SameContent(TestBatch{{.id = "1"}}.events()[0], BuildOne({.id = "1"})->events()[0])) << "no time, twice";
}

TEST(ChunkTest, RefusesWhatNoEngineWrote) {
  const std::string one(BuildOne({.id = "1"}, 7)->bytes());
  const std::string two(BuildOne({.id = "2"}, 8)->bytes());
  const std::string four(BuildOne({.id = "4"}, 10)->bytes());
  EXPECT_TRUE(Chunk::Parse(one + two).ok());
  for (const std::string& bad : {std::string(), one + four, two + one, one.substr(0, one.size() - 1), one + "x",
                                 std::string("\x0a\x00", 2), std::string("\x12\x01x")}) {
    EXPECT_EQ(Chunk::Parse(bad).status().code(), absl::StatusCode::kDataLoss);
  }
}

}  // namespace
}  // namespace weir::log
