// The promise that matters most, over random interleavings: from any cursor, every reader gets every matching event
// that is retained, in order, once, or an explicit gap first; however slow it is, and whatever the tail and the log
// drop.
#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "edge/testing/hub_harness.h"
#include "gtest/gtest.h"

namespace weir::edge {
namespace {

struct Follower {
  std::unique_ptr<TestReader> reader;
  std::vector<std::string> filters;
  uint64_t start = 0;
  size_t life = 0;      // of the log, that its cursor is of
  size_t patience = 0;  // bytes it reads in a round
};

class HandoverTest : public testing::TestWithParam<int>, public HubHarness {
 protected:
  HandoverTest()
      : HubHarness({.bytes_max = GetParam() % 2 == 0 ? 128u * 1024 : 1024u * 1024, .presentations = 1},
                   {.send_buffer_bytes = 8 * 1024, .slow_reader_timeout = absl::InfiniteDuration()}) {}

  // What the follower must have got when it has read everything: blocks' ids, walked against the log.
  void Verify(const Follower& follower) {
    uint64_t at = follower.start;
    size_t events = 0;
    const std::vector<SseBlock> blocks = follower.reader->blocks();
    ASSERT_FALSE(blocks.empty());
    for (size_t i = 1; i < blocks.size(); ++i) {
      const std::optional<Cursor> id = Cursor::Parse(blocks[i].id);
      ASSERT_TRUE(id.has_value());
      ASSERT_GT(id->sequence, at) << "order, or twice";
      if (blocks[i].event == "t.Event") {
        const std::vector<v1::Event> missed = all.After(at, follower.filters, id->sequence - 1);
        ASSERT_TRUE(missed.empty()) << missed.size() << " lost between " << at << " and " << id->sequence;
        ASSERT_FALSE(all.After(id->sequence - 1, follower.filters, id->sequence).empty()) << "not for this reader";
        ++events;
      }
      at = id->sequence;  // a gap may skip
    }
    EXPECT_TRUE(all.After(at, follower.filters).empty()) << "the end is missing after " << at;
    total_events += events;
  }

  // Lets everybody read everything.
  void Settle(std::vector<Follower>& followers) {
    Feed();
    for (int quiet = 0; quiet < 15; ++quiet) {  // seconds without a byte for anybody
      // Also what the kernel holds for a reader whose window was shut.
      ASSERT_TRUE(Until([&] {
        uint64_t received = 0;
        for (Follower& follower : followers) {
          follower.reader->Read();
          received += follower.reader->raw().size();
        }
        return hub.counters().lagging.get() == 0 && received == hub.counters().bytes_sent.get();
      }));
      for (Follower& follower : followers) {
        const size_t before = follower.reader->raw().size();
        follower.reader->Read();
        quiet = follower.reader->raw().size() == before ? quiet : 0;
      }
      Advance(absl::Seconds(1));
    }
  }

  FakeLog all;  // the log without retention
  size_t total_events = 0;
};

TEST_P(HandoverTest, NothingIsLostDoubledOrReordered) {
  const uint32_t seed = static_cast<uint32_t>(GetParam()) * 7919 + 17;
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const auto below = [&random](uint64_t n) { return n == 0 ? 0 : random() % n; };
  log.page_events_max = 1 + below(40);
  route->heartbeat_interval = absl::Hours(24);
  const std::vector<std::vector<std::string>> filters = {{"a.1"}, {"a.1", "b.2"}, {"a.*"}, {">"}, {"c.9"}};
  log.Fill(tail, 0);
  Spin();
  std::vector<Follower> followers;
  for (int round = 0; round < 60; ++round) {
    for (uint64_t n = below(60); n > 0; --n) {
      const std::string topic = std::string(1, static_cast<char>('a' + below(3))) + "." + std::to_string(below(4));
      const std::string payload(below(1500), 'x');
      log.Add(topic, payload);
      all.Add(topic, payload);
      const uint64_t skip = below(3);
      log.Skip(skip);
      all.Skip(skip);
    }
    if (below(3) > 0) {
      log.Feed(tail, 1 + below(30));
    }
    if (below(12) == 0) {
      log.TrimTo(below(log.head() + 1));
    }
    if (below(2) == 0) {
      Follower follower;
      follower.filters = filters[below(filters.size())];
      follower.patience = below(3) == 0 ? 300 + below(3000) : SIZE_MAX;
      // Half of them come back from a short absence, and so to the tail, also while the hub is behind it.
      follower.start = below(2) == 0 ? below(log.head() + 1) : log.head() - std::min(log.head(), below(40));
      follower.reader =
          Open(Request(follower.filters, After(log.At(follower.start))), follower.patience == SIZE_MAX ? 0 : 4096);
      followers.push_back(std::move(follower));
    }
    if (below(4) > 0) {
      Spin();
    }
    for (Follower& follower : followers) {
      follower.reader->Read(follower.patience);
    }
    if (below(10) == 0) {
      Advance(absl::Seconds(1 + below(4)));
    }
  }
  Settle(followers);
  for (const Follower& follower : followers) {
    Verify(follower);
  }
  EXPECT_GT(total_events, 100);
  EXPECT_EQ(hub.counters().lagging.get(), 0);
  EXPECT_EQ(hub.counters().parked.get(), 0);
  EXPECT_EQ(hub.open_streams(), followers.size());
}

// The same over logs that are recreated: within each life of the log nothing is lost, and a new life begins with a gap.
TEST_P(HandoverTest, EveryLifeOfTheLogBeginsWithAGap) {
  std::mt19937 random(static_cast<uint32_t>(GetParam()) * 104729 + 5);
  const auto below = [&random](uint64_t n) { return n == 0 ? 0 : random() % n; };
  log.page_events_max = 1 + below(40);
  route->heartbeat_interval = absl::Hours(24);
  const std::vector<std::vector<std::string>> filters = {{"a.1"}, {"a.1", "b.2"}, {"a.*"}, {">"}};
  std::vector<FakeLog> lives = {FakeLog("aaaaaaaa")};  // without retention
  log.Fill(tail, 0);
  Spin();
  std::vector<Follower> followers;
  bool recreated = false;
  for (int round = 0; round < 80; ++round) {
    for (uint64_t n = below(60); n > 0; --n) {
      const std::string topic = std::string(1, static_cast<char>('a' + below(3))) + "." + std::to_string(below(4));
      const std::string payload(below(1500), 'x');
      log.Add(topic, payload);
      lives.back().Add(topic, payload);
    }
    if (below(15) == 0) {
      const std::string epoch(8, static_cast<char>('a' + lives.size()));
      log.Recreate(epoch);
      lives.emplace_back(epoch);
      recreated = true;
    }
    if (below(3) > 0) {
      if (std::exchange(recreated, false)) {
        tail.Reset(log.At(0), GapReason::kOtherEpoch);
      }
      log.Feed(tail, 1 + below(30));
    }
    if (below(2) == 0) {
      Follower follower;
      follower.filters = filters[below(filters.size())];
      follower.patience = below(3) == 0 ? 300 + below(3000) : SIZE_MAX;
      follower.start = below(log.head() + 1);
      follower.life = lives.size() - 1;
      follower.reader =
          Open(Request(follower.filters, After(log.At(follower.start))), follower.patience == SIZE_MAX ? 0 : 4096);
      followers.push_back(std::move(follower));
    }
    if (below(4) > 0) {
      Spin();
    }
    for (Follower& follower : followers) {
      follower.reader->Read(follower.patience);
    }
    if (below(10) == 0) {
      Advance(absl::Seconds(1 + below(4)));
    }
  }
  if (recreated) {
    tail.Reset(log.At(0), GapReason::kOtherEpoch);
  }
  Settle(followers);
  for (const Follower& follower : followers) {
    size_t life = follower.life;
    uint64_t at = follower.start;
    const std::vector<SseBlock> blocks = follower.reader->blocks();
    ASSERT_FALSE(blocks.empty());
    for (size_t i = 1; i < blocks.size(); ++i) {
      const std::optional<Cursor> id = Cursor::Parse(blocks[i].id);
      ASSERT_TRUE(id.has_value());
      const auto its_life = static_cast<size_t>(id->epoch.text().front() - 'a');
      if (its_life != life) {
        ASSERT_GT(its_life, life);
        ASSERT_EQ(blocks[i].event, "weir.gap");
        life = its_life;
      } else {
        ASSERT_GT(id->sequence, at) << "order, or twice";
        ASSERT_TRUE(blocks[i].event != "t.Event" || lives[life].After(at, follower.filters, id->sequence - 1).empty())
            << "lost between " << at << " and " << id->sequence;
      }
      at = id->sequence;
    }
    EXPECT_EQ(life, lives.size() - 1);
    EXPECT_TRUE(lives.back().After(at, follower.filters).empty()) << "the end is missing after " << at;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, HandoverTest, testing::Range(0, 12));

}  // namespace
}  // namespace weir::edge
