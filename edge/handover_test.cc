// The promise that matters most, over random interleavings: from any cursor, every reader gets every matching event
// that is retained, in order, once, or an explicit gap first; however slow it is, whatever the tail and the log drop,
// however often it is cut off and comes back, and however the server answers.
//
// A world is a hub between a log and its readers, streams and polls. Each round of it a few things happen by chance;
// how often is its weather. At the end the weather is fine until every reader has everything. What a reader was given
// is walked beside the logs as they were written, without retention.
#include <algorithm>
#include <chrono>
#include <list>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "edge/testing/hub_harness.h"
#include "gtest/gtest.h"
#include "tests/support/property.h"
#include "tests/support/reader_walk.h"

namespace weir::edge {
namespace {

using test::Random;
using test::ReaderWalk;

// Each: one in so many rounds; 0 is never.
struct Weather {
  size_t trims = 0;
  size_t lives = 0;        // the log is recreated
  size_t failures = 0;     // the server cannot be asked, or answers late, for some rounds
  size_t cuts = 0;         // a reader goes away, to come back with what it had
  bool impatient = false;  // slow readers are cut off by the edge
  bool polls = false;
  bool heartbeats = false;
};

const std::vector<std::vector<std::string>> kFilters = {{"a.1"}, {"a.1", "b.2"}, {"a.*"}, {">"}, {"c.9"}};

struct Follower {
  Follower(const test::WrittenLog& written, std::vector<std::string> filters) : walk(written, std::move(filters)) {}

  ReaderWalk walk;
  size_t patience = SIZE_MAX;          // bytes that it reads in a round
  bool slow = false;                   // a small window
  std::unique_ptr<TestReader> stream;  // null: it is away, or polls
  size_t blocks_seen = 0;
  size_t bytes_seen = 0;
  bool polls = false;
  std::function<void()> cancel_poll;  // null: none is under way
};

class World : public HubHarness {
 public:
  World(Random& random, const Weather& weather)
      : HubHarness({.bytes_max = random.OneIn(2) ? 128u * 1024 : 1024u * 1024, .presentations = 1},
                   {.send_buffer_bytes = 8 * 1024,
                    .slow_reader_timeout = weather.impatient ? absl::Seconds(20) : absl::InfiniteDuration(),
                    .seed = static_cast<uint32_t>(random.Bits())}),
        random_(random),
        weather_(weather) {
    log.page_events_max = 1 + random.Below(40);
    route->heartbeat_interval = weather.heartbeats ? absl::Seconds(3) : absl::Hours(24);
    route->heartbeat_event = "hb";
    log.Fill(tail, 0);
    Spin();
  }
  ~World() {
    for (Follower& follower : followers_) {
      if (follower.cancel_poll) {
        follower.cancel_poll();
      }
    }
  }

  void Round() {
    Publish();
    if (Comes(weather_.trims)) {
      log.TrimTo(std::max(log.covered_after(), random_.Below(log.head() + 1)));
      written_.Trim(log.covered_after());
    }
    if (Comes(weather_.lives)) {
      const std::string epoch = std::to_string(10'000'000 + written_.lives());
      log.Recreate(epoch);
      written_.Begin(epoch);
    }
    Server();
    if (random_.Below(3) > 0) {
      Upstream(1 + random_.Below(30));
    }
    if (random_.OneIn(2)) {
      Arrive();
    }
    if (random_.Below(4) > 0) {
      Spin();
    }
    for (Follower& follower : followers_) {
      Read(follower, follower.patience);
      if (Comes(weather_.cuts * 10)) {
        Leave(follower);
      } else if (random_.OneIn(3)) {
        Return(follower);
      }
    }
    if (random_.OneIn(10)) {
      Advance(absl::Seconds(1 + random_.Below(4)));
    }
  }

  // Fine weather, until everybody has everything; then some time in which nothing may come twice.
  void Settle() {
    log.FailWith(absl::OkStatus());
    log.Release();
    Upstream(64);
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    auto moved = std::chrono::steady_clock::now();
    const auto complete = [](const Follower& follower) { return follower.walk.complete(); };
    while (!std::all_of(followers_.begin(), followers_.end(), complete) && !::testing::Test::HasFailure() &&
           moved < give_up) {
      Spin();
      for (Follower& follower : followers_) {
        if (follower.walk.complete()) {
          continue;
        }
        Return(follower);
        if (!Read(follower, SIZE_MAX) && follower.stream != nullptr) {
          TakeBlocks(follower);
        }
      }
      // Time passes for the edge, but not so much faster than for the kernel that every reader seems slow.
      if (std::chrono::steady_clock::now() > moved + std::chrono::milliseconds(5)) {
        Advance(absl::Seconds(1));
        moved = std::chrono::steady_clock::now();
      }
    }
    for (int i = 0; i < 8; ++i) {
      Advance(absl::Seconds(1));
      for (Follower& follower : followers_) {
        Read(follower, SIZE_MAX);
      }
    }
    for (Follower& follower : followers_) {
      Leave(follower);
    }
    for (const Follower& follower : followers_) {
      EXPECT_TRUE(follower.walk.complete())
          << (follower.polls ? "a poller" : "a stream") << " of " << follower.walk.filters()[0] << " stands at "
          << (follower.walk.at() ? follower.walk.at()->ToString() : "no place") << " of " << log.head() << " in life "
          << written_.lives();
    }
  }

  size_t events() const { return Sum(&ReaderWalk::events); }
  size_t gaps() const { return Sum(&ReaderWalk::gaps); }

 private:
  bool Comes(size_t one_in) { return one_in != 0 && random_.OneIn(one_in); }

  size_t Sum(size_t (ReaderWalk::*count)() const) const {
    size_t sum = 0;
    for (const Follower& follower : followers_) {
      sum += (follower.walk.*count)();
    }
    return sum;
  }

  void Publish() {
    for (size_t n = random_.Below(60); n > 0; --n) {
      const std::string topic = random_.Text("abc", 1) + "." + random_.Text("0123", 1);
      const std::string payload = random_.OneIn(60) ? "!" : std::string(random_.Below(1500), 'x');
      const size_t skip = random_.Below(3);
      log.Add(topic, payload);
      log.Skip(skip);
      written_.Add(topic, payload);
      written_.Skip(skip);
    }
  }

  void Server() {
    if (Comes(weather_.failures)) {
      switch (random_.Below(3)) {
        case 0:
          log.FailWith(absl::UnavailableError("away"));
          break;
        case 1:
          log.Hold();
          break;
        default:
          log.Hold(/*stale=*/true);
      }
    } else if (random_.OneIn(4)) {
      log.FailWith(absl::OkStatus());
      log.Release();
    }
  }

  // What the upstream does: it goes on in the log, or is told of a gap.
  void Upstream(size_t batch) {
    const TailState state = tail.state();
    if (!(state.epoch == log.At(0).epoch)) {
      tail.Reset(log.At(log.covered_after()), GapReason::kOtherEpoch);
    } else if (state.head < log.covered_after()) {
      tail.Reset(log.At(log.covered_after()), GapReason::kExpired);
    }
    log.Feed(tail, batch);
  }

  void Arrive() {
    Follower& follower = followers_.emplace_back(written_, random_.Pick(kFilters));
    follower.polls = weather_.polls && random_.OneIn(2);
    follower.slow = random_.OneIn(3);
    follower.patience = follower.slow ? 300 + random_.Below(3000) : SIZE_MAX;
    if (random_.Below(5) > 0) {
      // Half of them come back from a short absence, and so to the tail, also while the hub is behind it.
      const size_t lives = written_.lives();
      Cursor start = written_.Head(lives - 1 - (random_.OneIn(4) ? random_.Below(lives) : 0));
      start.sequence -= std::min<uint64_t>(start.sequence, random_.Below(random_.OneIn(2) ? start.sequence + 1 : 40));
      follower.walk.Begin(start);
    }
    Return(follower);
  }

  void Leave(Follower& follower) {
    if (follower.stream != nullptr) {
      TakeBlocks(follower);
      follower.stream = nullptr;
    }
    if (follower.cancel_poll) {
      std::exchange(follower.cancel_poll, nullptr)();
    }
  }

  void Return(Follower& follower) {
    const ReadStart start = follower.walk.at()
                                ? After(*follower.walk.at())
                                : From(random_.OneIn(2) ? ReadStart::Kind::kLatest : ReadStart::Kind::kEarliest);
    if (follower.polls && follower.cancel_poll == nullptr) {
      Poll(follower, start);
    } else if (!follower.polls && follower.stream == nullptr) {
      StreamRequest request = Request(follower.walk.filters(), start);
      request.heartbeat_data = DataTemplate().Bind({});
      follower.stream = Open(std::move(request), follower.slow ? 4096 : 0);
      follower.blocks_seen = follower.bytes_seen = 0;
    }
  }

  void Poll(Follower& follower, const ReadStart& start) {
    PollRequest request;
    request.reader = Request(follower.walk.filters(), start).reader;
    request.has_cursor = follower.walk.at().has_value();
    request.limit = 1 + random_.Below(50);
    request.wait = random_.OneIn(2) ? absl::ZeroDuration() : absl::Seconds(random_.Below(5));
    follower.cancel_poll = hub.Poll(request, [this, &follower](const absl::StatusOr<std::string>& body) {
      follower.cancel_poll = nullptr;
      if (body.ok()) {
        TakeAnswer(follower, nlohmann::json::parse(*body));
      }
    });
  }

  static Cursor CursorIn(const nlohmann::json& text) { return Cursor::Parse(text.get<std::string>()).value(); }

  void TakeAnswer(Follower& follower, const nlohmann::json& answer) {
    ReaderWalk& walk = follower.walk;
    if (!walk.at()) {
      // From the earliest or the latest: its first place is just before what it was given.
      if (!answer["gap"].is_null()) {
        walk.Begin(CursorIn(answer["gap"]["requested"]));
      } else if (!answer["events"].empty()) {
        const Cursor first = CursorIn(answer["events"][0]["id"]);
        walk.Begin({first.epoch, first.sequence - 1});
      } else {
        walk.Begin(CursorIn(answer["cursor"]));
      }
    }
    if (!answer["gap"].is_null()) {
      TakeGap(walk, answer["gap"]);
    }
    for (const auto& event : answer["events"]) {
      walk.Event(CursorIn(event["id"]), event["data"].get<std::string>());
    }
    walk.Progress(CursorIn(answer["cursor"]));
  }

  // True when something came.
  bool Read(Follower& follower, size_t bytes) {
    if (follower.stream == nullptr) {
      return false;
    }
    const size_t before = follower.stream->raw().size();
    follower.stream->Read(bytes);
    const bool came = follower.stream->raw().size() != before;
    if (follower.stream->ended()) {
      EXPECT_TRUE(weather_.impatient) << "a stream was ended";
      Leave(follower);
    }
    return came;
  }

  void TakeBlocks(Follower& follower) {
    const size_t size = follower.stream->raw().size();
    if (size == std::exchange(follower.bytes_seen, size)) {
      return;  // taking everything apart is slow
    }
    const std::vector<SseBlock> blocks = follower.stream->blocks();
    for (; follower.blocks_seen < blocks.size(); ++follower.blocks_seen) {
      Take(follower.walk, blocks[follower.blocks_seen]);
    }
  }

  static void TakeGap(ReaderWalk& walk, const nlohmann::json& gap) {
    if (gap["reason"] == "unrenderable") {
      walk.Event(CursorIn(gap["resumedAt"]), "!");
    } else {
      ASSERT_TRUE(gap["reason"] == "expired" || gap["reason"] == "other_epoch") << gap;
      walk.Gap(CursorIn(gap["resumedAt"]), gap["reason"] == "other_epoch");
    }
  }

  static void Take(ReaderWalk& walk, const SseBlock& block) {
    const std::optional<Cursor> id = Cursor::Parse(block.id);
    if (block.event == "hb" && block.id.empty()) {
      return;  // it is not live
    }
    ASSERT_TRUE(id.has_value()) << block.event;
    if (block.event == "t.Event") {
      walk.Event(*id, block.data);
    } else if (block.event == "weir.gap") {
      const auto gap = nlohmann::json::parse(block.data);
      ASSERT_EQ(gap["resumedAt"], block.id);
      TakeGap(walk, gap);
    } else if (block.event == "weir.connected") {
      walk.Begin(*id);
    } else {
      ASSERT_EQ(block.event, "hb");
      walk.Progress(*id);
    }
  }

  Random& random_;
  const Weather weather_;
  test::WrittenLog written_{"aaaaaaaa"};
  std::list<Follower> followers_;
};

// Over one world, or WEIR_TEST_ROUNDS of them; returns how many gaps there were.
size_t Walks(const Weather& weather) {
  size_t events = 0;
  size_t gaps = 0;
  test::ForAll(1, [&](Random& random) {
    World world(random, weather);
    for (int round = 0; round < 60 && !::testing::Test::HasFailure(); ++round) {
      world.Round();
    }
    world.Settle();
    events += world.events();
    gaps += world.gaps();
  });
  EXPECT_GT(events, 100u);
  return gaps;
}

TEST(HandoverTest, NothingIsLostDoubledOrReordered) { EXPECT_EQ(Walks({}), 0u); }

TEST(HandoverTest, OnlyWhatRetentionRemovedIsMissingAndAGapSaysSo) { EXPECT_GT(Walks({.trims = 4}), 0u); }

TEST(HandoverTest, EveryLifeOfTheLogBeginsWithAGap) { EXPECT_GT(Walks({.lives = 4}), 0u); }

TEST(HandoverTest, AServerThatFailsOrAnswersLateCostsNothingButTime) { EXPECT_EQ(Walks({.failures = 3}), 0u); }

TEST(HandoverTest, ReadersThatAreCutOffGoOnWhereTheyWere) {
  EXPECT_EQ(Walks({.cuts = 2, .impatient = true, .heartbeats = true}), 0u);
}

TEST(HandoverTest, PollsSeeWhatStreamsSee) { EXPECT_EQ(Walks({.cuts = 3, .polls = true, .heartbeats = true}), 0u); }

TEST(HandoverTest, HoldsInAnyWeather) {
  Walks({.trims = 8, .lives = 15, .failures = 6, .cuts = 4, .impatient = true, .polls = true, .heartbeats = true});
}

}  // namespace
}  // namespace weir::edge
