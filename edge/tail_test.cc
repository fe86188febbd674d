#include "edge/tail.h"

#include <atomic>
#include <thread>

#include "edge/testing/fake_log.h"
#include "edge/testing/fake_render.h"
#include "gtest/gtest.h"

namespace weir::edge {
namespace {

using Step = TailReader::Step;

std::vector<uint64_t> ReadAll(TailReader reader, const std::vector<std::string>* filters = nullptr,
                              uint64_t up_to = UINT64_MAX) {
  std::vector<uint64_t> sequences;
  while (reader.Next(up_to, filters) == Step::kEvent) {
    sequences.push_back(reader.event().sequence);
  }
  return sequences;
}

std::vector<uint64_t> Sequences(const std::vector<v1::Event>& events) {
  std::vector<uint64_t> sequences;
  for (const v1::Event& event : events) {
    sequences.push_back(event.sequence());
  }
  return sequences;
}

TEST(TailTest, GivesEventsInOrderAfterAnyCursor) {
  FakeLog log;
  Tail tail({});
  for (int i = 0; i < 2000; ++i) {
    log.Add("a.b", std::to_string(i));
  }
  log.Fill(tail, 0);
  const uint32_t generation = tail.state().generation;
  for (const uint64_t after : {0, 1, 511, 512, 513, 1024, 1999, 2000}) {
    EXPECT_EQ(ReadAll(tail.ReaderAfter(generation, after)), Sequences(log.After(after, {">"}))) << after;
  }
}

TEST(TailTest, AReaderAtTheEndSeesWhatComesLater) {
  FakeLog log;
  Tail tail({});
  log.Fill(tail, 0);
  TailReader reader = tail.ReaderAfter(tail.state().generation, 0);
  EXPECT_EQ(reader.Next(), Step::kEnd);
  for (int i = 0; i < 600; ++i) {
    log.Add("a", "x");
    log.Feed(tail);
    ASSERT_EQ(reader.Next(), Step::kEvent);
    EXPECT_EQ(reader.event().sequence, log.head());
    EXPECT_EQ(reader.Next(), Step::kEnd);
  }
}

// Events that came in one message share its memory: it is not counted again for each segment that they lie in.
TEST(TailTest, ALargeBatchStaysInASmallTail) {
  FakeLog log;
  for (int i = 0; i < 256; ++i) {
    log.Add("a", std::string(4 * 1024, 'x'));
  }
  Tail tail({.bytes_max = 4 * 1024 * 1024, .presentations = 1});
  tail.SetSchema(FakeSchema());
  tail.Reset(log.At(0), GapReason::kExpired);
  ASSERT_TRUE(tail.Append(BatchBytes(log.After(0, {">"}))).ok());
  EXPECT_EQ(tail.events(), 256);
  EXPECT_EQ(tail.state().covered_after, 0);
  EXPECT_GE(tail.bytes(), 1024 * 1024);
}

TEST(TailTest, IsBoundedByBytesAndSaysWhatItNoLongerCovers) {
  FakeLog log;
  Tail tail({.bytes_max = 1024 * 1024, .presentations = 1});
  log.Fill(tail, 0);
  TailReader slow = tail.ReaderAfter(tail.state().generation, 0);
  for (int i = 0; i < 3000; ++i) {
    log.Add("a", std::string(1000, 'x'));
  }
  log.Feed(tail);
  EXPECT_LE(tail.bytes(), 1024 * 1024);
  EXPECT_EQ(slow.Next(), Step::kGone);
  const TailState state = tail.state();
  EXPECT_GT(state.covered_after, 0);
  EXPECT_EQ(state.head, 3000);
  EXPECT_EQ(tail.ReaderAfter(state.generation, state.covered_after - 1).Next(), Step::kGone);
  EXPECT_EQ(ReadAll(tail.ReaderAfter(state.generation, state.covered_after)),
            Sequences(log.After(state.covered_after, {">"})));
}

TEST(TailTest, RenderedFramesCountAsMemory) {
  FakeLog log;
  Tail tail({});
  log.Add("a", std::string(100'000, 'x'));
  log.Fill(tail, 0);
  const uint64_t before = tail.bytes();
  TailReader reader = tail.ReaderAfter(tail.state().generation, 0);
  ASSERT_EQ(reader.Next(), Step::kEvent);
  const Presentation presentation{PresentationOptions()};
  bool rendered = false;
  const Frame& frame = reader.segment().FrameOf(reader.position(), 0, presentation, tail.names(), rendered);
  EXPECT_TRUE(frame.renderable());
  EXPECT_TRUE(rendered);
  EXPECT_EQ(&reader.segment().FrameOf(reader.position(), 0, presentation, tail.names(), rendered), &frame);
  EXPECT_FALSE(rendered);
  EXPECT_GE(tail.bytes(), before + 100'000);
}

// Also when no event comes any more.
TEST(TailTest, RenderedFramesAreTrimmedWhileTheLogIsQuiet) {
  FakeLog log;
  Tail tail({.bytes_max = 1'000'000});
  for (int i = 0; i < 60; ++i) {
    log.Add("a", std::string(10'000, 'x'));
  }
  log.Fill(tail, 0);
  ASSERT_EQ(tail.state().covered_after, 0);
  TailReader reader = tail.ReaderAfter(tail.state().generation, 0);
  const Presentation presentation{PresentationOptions()};
  while (reader.Next() == Step::kEvent) {
    bool rendered = false;
    reader.segment().FrameOf(reader.position(), 0, presentation, tail.names(), rendered);
  }
  ASSERT_GT(tail.bytes(), 1'000'000);
  tail.Progress(log.At(log.head()));
  EXPECT_LE(tail.bytes(), 1'000'000);
  EXPECT_GT(tail.state().covered_after, 0);
}

// A reader that looks for its place while a segment begins finds the one before it.
TEST(TailTest, APlaceIsFoundWhileSegmentsBegin) {
  FakeLog log;
  Tail tail({.bytes_max = 1});  // segments of few events
  log.Add("a", "x");
  log.Fill(tail, 0);
  std::atomic<bool> done = false;
  std::atomic<uint64_t> found = 0;
  std::thread looking([&] {
    while (!done) {
      const TailState state = tail.state();
      TailReader reader = tail.ReaderAfter(state.generation, state.covered_after);
      const Step step = state.covered_after < state.head ? reader.Next(state.head) : Step::kGone;
      ASSERT_NE(step, Step::kEnd) << state.covered_after << " to " << state.head;
      found += step == Step::kEvent ? 1 : 0;
    }
  });
  v1::Event event = log.After(0, {">"}).front();
  for (uint64_t sequence = 2; sequence < 200'000 || found == 0; ++sequence) {
    event.set_sequence(sequence);
    event.set_cursor(log.At(sequence).ToString());
    ASSERT_TRUE(tail.Append(BatchBytes({event})).ok());
  }
  done = true;
  looking.join();
}

TEST(TailTest, ProgressMovesTheHeadWithoutEvents) {
  FakeLog log;
  Tail tail({});
  log.Fill(tail, 0);
  log.Skip(7);
  log.Feed(tail);
  EXPECT_EQ(tail.state().head, 7);
  tail.Progress(log.At(3));  // never back
  EXPECT_EQ(tail.state().head, 7);
}

TEST(TailTest, EventsSentAgainAreSkipped) {
  FakeLog log;
  Tail tail({});
  log.Add("a", "1");
  log.Add("a", "2");
  log.Fill(tail, 0);
  ASSERT_TRUE(tail.Append(BatchBytes(log.After(0, {">"}))).ok());
  EXPECT_EQ(ReadAll(tail.ReaderAfter(tail.state().generation, 0)), (std::vector<uint64_t>{1, 2}));
}

TEST(TailTest, AnotherEpochBeginsANewGeneration) {
  FakeLog log;
  Tail tail({});
  log.Add("a", "1");
  log.Fill(tail, 0);
  TailReader old = tail.ReaderAfter(tail.state().generation, 0);
  log.Recreate("bbbbbbbb");
  log.Skip(4);
  log.Add("a", "5");
  log.Feed(tail);
  EXPECT_EQ(old.Next(), Step::kGone);
  const TailState state = tail.state();
  EXPECT_EQ(state.generation, 2);
  EXPECT_EQ(state.epoch.text(), "bbbbbbbb");
  EXPECT_EQ(state.began_after, 4);
  EXPECT_EQ(state.began_because, GapReason::kOtherEpoch);
  EXPECT_EQ(ReadAll(tail.ReaderAfter(2, 4)), (std::vector<uint64_t>{5}));
}

TEST(TailTest, AMalformedBatchIsDataLossAndKeepsWhatCameBefore) {
  FakeLog log;
  Tail tail({});
  log.Fill(tail, 0);
  log.Add("a", "1");
  const std::string good = *BatchBytes(log.After(0, {">"}));
  for (const std::string& bad : {std::string("\x0a\x7f"), std::string("\x12\x01x"), std::string("\x0a\x02\x08\x96"),
                                 std::string("\x0a\x00", 2)}) {
    const absl::Status status = tail.Append(std::make_shared<const std::string>(good + bad));
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  }
  EXPECT_EQ(tail.state().head, 1);
}

TEST(TailTest, AnEventWrittenOtherwiseIsRewritten) {
  FakeLog log;
  Tail tail({});
  log.Fill(tail, 0);
  log.Add("a.b", "1");
  std::string event = log.After(0, {">"})[0].SerializeAsString();
  event = std::string("\x1a\x01z", 3) + event;  // an earlier topic, which the later one replaces
  std::string batch = "\x0a";
  wire::AppendVarint(batch, event.size());
  ASSERT_TRUE(tail.Append(std::make_shared<const std::string>(batch + event)).ok());
  TailReader reader = tail.ReaderAfter(tail.state().generation, 0);
  ASSERT_EQ(reader.Next(), Step::kEvent);
  EXPECT_EQ(reader.event().topic, "a.b");
}

TEST(TailTest, EachEventKeepsTheSchemaItCameUnder) {
  FakeLog log;
  Tail tail({});
  log.Add("a", "1");
  log.Fill(tail, 0);
  tail.SetSchema(FakeSchema("2"));
  log.Add("a", "2");
  log.Feed(tail);
  TailReader reader = tail.ReaderAfter(tail.state().generation, 0);
  ASSERT_EQ(reader.Next(), Step::kEvent);
  EXPECT_EQ(reader.segment().schema()->version(), "1");
  ASSERT_EQ(reader.Next(), Step::kEvent);
  EXPECT_EQ(reader.segment().schema()->version(), "2");
}

}  // namespace
}  // namespace weir::edge
