// Very many channels or polls that one event concerns.
#include <memory>
#include <numeric>

#include "absl/time/clock.h"
#include "edge/fanout_hub.h"
#include "edge/testing/hub_harness.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir::edge {
namespace {

using Strings = std::vector<std::string>;

class FanoutCrowdTest : public testing::Test, public HubHarness {
 protected:
  FanoutCrowdTest()
      : HubHarness({.bytes_max = 64 * 1024 * 1024, .presentations = 1}, {.send_buffer_bytes = 16 * 1024}) {
    log.Fill(tail, 0);
    Spin();
  }
  static std::string Own(int user) { return "users." + std::to_string(user) + ".n"; }
};

// Each user is a channel, as on every route of a user's own and common topics.
TEST_F(FanoutCrowdTest, AnEventForManyChannelsIsSentAFewAtATime) {
  constexpr int kUsers = 200;
  std::vector<std::unique_ptr<TestReader>> readers;
  for (int i = 0; i < kUsers; ++i) {
    readers.push_back(OpenAndStart(Request({Own(i), "all.n"})));
  }
  // One takes nothing, and is behind when the second large one comes.
  const auto stalled = Open(Request({Own(0), "all.n"}), 4096);
  Spin();
  Strings sent;
  const auto add = [&](const std::string& topic, size_t bytes) {
    sent.push_back(std::to_string(sent.size()) + std::string(bytes, 'x'));
    log.Add(topic, sent.back());
  };
  add(Own(0), 10);
  add("all.n", 10'000);
  add(Own(0), 10);
  add("all.n", 60'000);
  add("all.n", 20);
  Feed();
  const Strings common = {sent[1], sent[3], sent[4]};
  for (int i = 1; i < kUsers; ++i) {
    ASSERT_TRUE(Until(*readers[i], 3));
    ASSERT_EQ(readers[i]->data("t.Event"), common) << i;
  }
  ASSERT_TRUE(Until(*readers[0], 5));
  EXPECT_EQ(readers[0]->data("t.Event"), sent);
  ASSERT_TRUE(Until(*stalled, 5));
  EXPECT_EQ(stalled->data("t.Event"), sent);
  log.Add(Own(0), "last");
  Feed();
  ASSERT_TRUE(Until(*stalled, 6));
}

// In one turn: what a channel has collected before is sent first, and whoever cannot take it waits for the rest.
TEST_F(FanoutCrowdTest, WhoStallsBeforeItsShareGetsItLater) {
  std::vector<std::unique_ptr<TestReader>> readers;
  for (int i = 0; i < 200; ++i) {
    readers.push_back(OpenAndStart(Request({Own(i), "all.n"})));
  }
  std::vector<std::unique_ptr<TestReader>> small;
  for (const int user : {60, 140}) {
    small.push_back(Open(Request({Own(user), "all.n"}), 4096));
    log.Add(Own(user), std::string(100'000, 'x'));
  }
  Spin();
  log.Add("all.n", std::string(60'000, 'y'));
  Feed();
  for (const auto& reader : small) {
    ASSERT_TRUE(Until(*reader, 2));
    EXPECT_THAT(reader->data("t.Event"), testing::ElementsAre(testing::StartsWith("x"), testing::StartsWith("y")));
  }
}

TEST_F(FanoutCrowdTest, ReadersThatGoMeanwhileTakeTheirChannelsAlong) {
  std::vector<std::unique_ptr<TestReader>> readers;
  for (int i = 0; i < 100; ++i) {
    readers.push_back(OpenAndStart(Request({Own(i), "all.n"})));
  }
  for (int i = 0; i < 100; i += 2) {
    readers[i].reset();  // the hub finds out when it sends
  }
  for (int i = 0; i < 20; ++i) {
    log.Add("all.n", std::string(10'000, 'x'));
  }
  Feed();
  for (int i = 1; i < 100; i += 2) {
    ASSERT_TRUE(Until(*readers[i], 20));
  }
  EXPECT_TRUE(Until([&] { return hub.open_streams() == 50; }));
}

TEST_F(FanoutCrowdTest, ManyPollsAreAnsweredOnce) {
  constexpr int kPolls = 1000;
  std::vector<int> answers(kPolls);
  std::vector<std::function<void()>> cancel;
  for (int i = 0; i < kPolls; ++i) {
    PollRequest request;
    request.reader = Request({i % 3 == 0 ? "b" : "a"}, After(log.At(0))).reader;
    request.has_cursor = true;
    request.wait = absl::Seconds(30);
    cancel.push_back(hub.Poll(request, [&answers, i](const absl::StatusOr<std::string>& body) {
      ASSERT_TRUE(body.ok());
      ++answers[i];
    }));
  }
  ASSERT_TRUE(Until([&] { return hub.counters().polls.get() == kPolls; }));
  Spin();
  for (int i = 1; i < kPolls; i += 3) {
    cancel[i]();
  }
  log.Add("a", "1");
  Feed();
  log.Add("a", "2");
  Feed();
  ASSERT_TRUE(Until([&] { return std::accumulate(answers.begin(), answers.end(), 0) >= kPolls / 3; }));
  Spin();
  for (int i = 0; i < kPolls; ++i) {
    ASSERT_EQ(answers[i], i % 3 == 2 ? 1 : 0) << i;
  }
  Advance(absl::Seconds(30));
  Spin();
  for (int i = 0; i < kPolls; ++i) {
    ASSERT_EQ(answers[i], i % 3 == 1 ? 0 : 1) << i;
  }
}

// Events that come faster than turns gather while the hub rests; after a turn that had one for each reader it does not.
TEST_F(FanoutCrowdTest, RestsAfterATurnThatMergedAndAfterNoOther) {
  std::vector<std::unique_ptr<TestReader>> others;
  for (int i = 0; i < 255; ++i) {
    others.push_back(OpenAndStart(Request({"a"})));
  }
  auto reader = OpenAndStart(Request({"a"}));
  look_lasts = absl::Seconds(1);  // so that a turn takes one, too
  const auto feed_at_once = [&](int count) {
    for (int i = 0; i < count; ++i) {
      log.Add("a", "x");
    }
    Feed();
    reader->Read();
    return reader->data("t.Event").size();
  };
  EXPECT_EQ(feed_at_once(1), 1u);
  const absl::Time merged = absl::Now();
  EXPECT_EQ(feed_at_once(2), 3u) << "the turn before had one event";
  EXPECT_TRUE(feed_at_once(1) == 3u || absl::Now() - merged > absl::Milliseconds(50)) << "it rests";
  ASSERT_TRUE(Until(*reader, 4)) << "it goes on by itself";
  EXPECT_EQ(feed_at_once(1), 5u);
  others.pop_back();
  EXPECT_TRUE(Until([&] { return hub.open_streams() == 255; }));
  EXPECT_EQ(feed_at_once(2), 7u);
  EXPECT_EQ(feed_at_once(1), 8u) << "after a turn of few sends it does not rest";
}

}  // namespace
}  // namespace weir::edge
