// The tail beside a naive list, through everything that can happen to it: batches, events sent again, heads without
// events, new schemas, eviction, new lives of the log. A reader gets every matching event after its place, in order,
// once, for as long as the tail covers its place; then it is told that it is gone, and never before.
//
// The log is a function: which events there are, and of what topic, follows from epoch and sequence, so that every
// thread can check what it reads without asking another.
#include <atomic>
#include <deque>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "edge/tail.h"
#include "edge/testing/fake_log.h"
#include "edge/testing/fake_render.h"
#include "gtest/gtest.h"
#include "tests/support/naive_topics.h"
#include "tests/support/property.h"

namespace weir::edge {
namespace {

using Step = TailReader::Step;
using test::Random;

const std::vector<std::vector<std::string>> kFilters = {
    {">"}, {"a.1"}, {"a.1", "a.7"}, {"a.*"}, {"b.>", "a.3"}, {"none"}, {"a.1", "none", "b.2.c"}, {"*.*.c", "a.5"}};

// SplitMix64.
uint64_t Hash(std::string_view epoch, uint64_t sequence) {
  uint64_t x = std::hash<std::string_view>()(epoch) + sequence * 0x9E3779B97F4A7C15;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

// The topic of an event; null where another filter than the tail's took the number.
std::optional<std::string> TopicOf(std::string_view epoch, uint64_t sequence) {
  const uint64_t hash = Hash(epoch, sequence);
  const std::string token = std::to_string(hash / 16 % 9);
  return hash % 4 == 0 ? std::nullopt : std::optional(hash % 4 == 1 ? "b." + token + ".c" : "a." + token);
}

bool Wanted(const std::vector<std::string>& filters, std::string_view epoch, uint64_t sequence) {
  const std::optional<std::string> topic = TopicOf(epoch, sequence);
  return topic.has_value() && std::any_of(filters.begin(), filters.end(), [&](const std::string& filter) {
           return test::NaiveMatches(filter, *topic);
         });
}

std::string EpochOf(uint32_t generation) { return "epoch" + std::to_string(100 + generation); }

// The upstream: appends what its random numbers say.
class Writer {
 public:
  Writer(Tail& tail, Random& random) : tail_(tail), random_(random) {
    tail_.SetSchema(FakeSchema());
    Begin(random_.Below(5));
    tail_.SetReady();
  }

  void Act() {
    if (random_.OneIn(40)) {
      Begin(random_.Below(1000));
    } else if (random_.OneIn(15)) {
      tail_.SetSchema(FakeSchema(std::to_string(random_.Below(9))));
    } else {
      const uint64_t again = std::min<uint64_t>(head_ - began_, random_.OneIn(5) ? random_.Below(20) : 0);
      const uint64_t fresh = random_.Below(random_.OneIn(10) ? 600 : 40);
      ASSERT_TRUE(tail_.Append(Batch(head_ - again, head_ + fresh)).ok());
      head_ += fresh;
      if (random_.OneIn(3)) {
        // Numbers that only others want, and progress that comes late.
        while (!TopicOf(EpochOf(generation_), head_ + 1).has_value()) {
          ++head_;
        }
        tail_.Progress({*Epoch::Parse(EpochOf(generation_)), head_ - (random_.OneIn(2) ? head_ - began_ : 0)});
      }
    }
  }

  uint32_t generation() const { return generation_; }
  // Everything up to here was appended.
  uint64_t head() const { return head_; }
  size_t batch_bytes_max() const { return batch_bytes_max_; }

 private:
  // Another life of the log: announced by a reset, or by its first event alone.
  void Begin(uint64_t after) {
    ++generation_;
    began_ = head_ = after;
    const Cursor begin{*Epoch::Parse(EpochOf(generation_)), after};
    if (generation_ > 1 && random_.OneIn(2) && TopicOf(EpochOf(generation_), after + 1).has_value()) {
      ASSERT_TRUE(tail_.Append(Batch(after, after + 1)).ok());
      ++head_;
    } else {
      tail_.Reset(begin, GapReason::kOtherEpoch);
    }
  }

  std::shared_ptr<const std::string> Batch(uint64_t after, uint64_t until) {
    const std::string epoch = EpochOf(generation_);
    std::vector<v1::Event> events;
    for (uint64_t sequence = after + 1; sequence <= until; ++sequence) {
      if (const std::optional<std::string> topic = TopicOf(epoch, sequence)) {
        v1::Event& event = events.emplace_back();
        event.set_sequence(sequence);
        event.set_cursor(Cursor{*Epoch::Parse(epoch), sequence}.ToString());
        event.set_topic(*topic);
        event.mutable_payload()->set_type_url("type.googleapis.com/t.Event");
        event.mutable_payload()->set_value(std::string(random_.Below(random_.OneIn(50) ? 5000 : 200), 'x'));
      }
    }
    auto bytes = BatchBytes(events);
    batch_bytes_max_ = std::max(batch_bytes_max_, bytes->size());
    return bytes;
  }

  Tail& tail_;
  Random& random_;
  uint32_t generation_ = 0;
  uint64_t began_ = 0;
  uint64_t head_ = 0;
  size_t batch_bytes_max_ = 0;
};

// A reader, and what it has been given.
class Checked {
 public:
  Checked(const Tail& tail, Random& random) : tail_(&tail), filters_(&random.Pick(kFilters)) {
    const TailState state = tail.state();
    generation_ = state.generation;
    epoch_ = EpochOf(generation_);
    given_ = state.covered_after + random.Below(state.head - state.covered_after + 1);
    reader_ = tail.ReaderAfter(generation_, given_);
  }

  // Reads at most `events`. False when it is gone, rightly.
  bool Read(Random& random, size_t events) {
    const TailState before = tail_->state();
    const uint64_t up_to = random.OneIn(2) ? UINT64_MAX : given_ + random.Below(300);
    while (events-- > 0) {
      switch (reader_.Next(up_to, filters_)) {
        case Step::kEvent:
          Take(reader_.event(), up_to);
          break;
        case Step::kEnd:
          // Whatever was there when it began to read, and is within the limit, it was given.
          if (before.generation == generation_) {
            Pass(std::min(up_to, before.head));
          }
          return true;
        case Step::kGone: {
          const TailState now = tail_->state();
          EXPECT_TRUE(now.generation != generation_ || now.covered_after > given_)
              << "gone after " << given_ << ", though all after " << now.covered_after << " is covered";
          return false;
        }
      }
      if (::testing::Test::HasFailure()) {
        return false;
      }
    }
    return true;
  }

  uint64_t events() const { return events_; }

 private:
  void Take(const EventView& event, uint64_t up_to) {
    EXPECT_GT(event.sequence, given_) << "order, or twice";
    EXPECT_LE(event.sequence, up_to);
    Pass(event.sequence - 1);
    EXPECT_EQ(event.cursor, epoch_ + "-" + std::to_string(event.sequence));
    EXPECT_EQ(event.topic, TopicOf(epoch_, event.sequence).value_or("nothing"));
    EXPECT_TRUE(Wanted(*filters_, epoch_, event.sequence)) << "not for this reader";
    static const Presentation kPresentation{PresentationOptions()};
    bool rendered = false;
    const Frame& frame = reader_.segment().FrameOf(reader_.position(), 0, kPresentation, tail_->names(), rendered);
    EXPECT_NE(frame.bytes().find("id: " + std::string(event.cursor) + "\n"), std::string::npos);
    given_ = event.sequence;
    ++events_;
  }

  // Nothing that it wants lies between what it was given and here.
  void Pass(uint64_t until) {
    for (; given_ < until; ++given_) {
      if (Wanted(*filters_, epoch_, given_ + 1)) {
        ADD_FAILURE() << given_ + 1 << " of " << epoch_ << " is lost";
        return;
      }
    }
  }

  const Tail* tail_;
  const std::vector<std::string>* filters_;
  uint32_t generation_ = 0;
  std::string epoch_;
  uint64_t given_ = 0;
  uint64_t events_ = 0;
  TailReader reader_;
};

TEST(TailProperty, ReadersSeeWhatANaiveListHolds) {
  uint64_t events = 0;
  uint64_t gone = 0;
  test::ForAll(4, [&](Random& random) {
    const uint64_t bytes_max = 64'000 + random.Below(400'000);
    Tail tail({.bytes_max = bytes_max, .presentations = 1});
    Writer writer(tail, random);
    std::deque<Checked> readers;
    for (int round = 0; round < 200; ++round) {
      writer.Act();
      const TailState state = tail.state();
      ASSERT_EQ(state.generation, writer.generation());
      ASSERT_LE(state.head, writer.head());
      ASSERT_GE(state.covered_after, state.began_after);
      // Frames that were rendered since, and the newest segment, may stand above the limit until the next batch.
      ASSERT_LE(tail.bytes(), bytes_max + bytes_max / 4 + writer.batch_bytes_max());
      for (size_t fresh = random.Below(4); fresh > 0; --fresh) {
        readers.emplace_back(tail, random);
      }
      for (size_t reads = random.Below(8); reads > 0 && !readers.empty(); --reads) {
        const size_t at = random.Below(readers.size());
        const bool there = readers[at].Read(random, random.OneIn(3) ? SIZE_MAX : random.Below(60));
        if (::testing::Test::HasFailure()) {
          return;
        }
        if (!there || readers.size() > 20) {
          events += readers[at].events();
          gone += there ? 0 : 1;
          readers.erase(readers.begin() + static_cast<std::ptrdiff_t>(at));
        }
      }
    }
  });
  EXPECT_GT(events, 1000);
  EXPECT_GT(gone, 5);
}

TEST(TailProperty, ReadersInOtherThreadsSeeTheSame) {
  std::atomic<uint64_t> events = 0;
  test::ForAll(1, [&](Random& random) {
    Tail tail({.bytes_max = 200'000 + random.Below(400'000), .presentations = 1});
    Writer writer(tail, random);
    std::atomic<bool> done = false;
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&tail, &done, &events, seed = random.Bits()] {
        Random own(seed);
        std::optional<Checked> reader;
        for (bool last = false; !last && !::testing::Test::HasFailure();) {
          last = done.load();  // what was there then is read once more
          if (!reader.has_value()) {
            reader.emplace(tail, own);
          }
          if (!reader->Read(own, own.OneIn(2) ? SIZE_MAX : own.Below(100)) || own.OneIn(50)) {
            events += reader->events();
            reader.reset();
          }
        }
      });
    }
    for (int round = 0; round < 600; ++round) {
      writer.Act();
    }
    done = true;
    for (std::thread& thread : threads) {
      thread.join();
    }
  });
  EXPECT_GT(events, 1000);
}

}  // namespace
}  // namespace weir::edge
