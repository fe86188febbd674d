// What every log engine promises of reading.
#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "log/log_engine_conformance.h"

namespace weir::log {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST_P(LogEngineConformance, ReadsInPages) {
  AppendNumbered("a.b", "x", 250);
  EXPECT_THAT(SequencesOf(engine_->Read({.after = 3, .events_max = 4}).value()), ElementsAre(4, 5, 6, 7));
  EXPECT_EQ(engine_->Read({.after = 3, .events_max = 4}).value().read_to, 7u);
  EXPECT_THAT(SequencesOf(engine_->Read({.after = 3, .until = 5}).value()), ElementsAre(4, 5));
  EXPECT_EQ(engine_->Read({.after = 3, .until = 5}).value().read_to, 5u);
  EXPECT_EQ(SequencesOf(ReadAll(*engine_, {.events_max = 7}).value()), Range(1, 250));
  for (const uint64_t beyond : {uint64_t{250}, uint64_t{251}, UINT64_MAX}) {
    const Page page = engine_->Read({.after = beyond}).value();
    EXPECT_THAT(page.events, IsEmpty());
    EXPECT_EQ(page.read_to, beyond);
  }
}

TEST_P(LogEngineConformance, BoundsAPageByBytes) {
  AppendNumbered("a.b", "x", 30);
  const size_t size = engine_->Read({.events_max = 1}).value().events[0].element.size();
  EXPECT_EQ(engine_->Read({.bytes_max = 3 * size}).value().events.size(), 3u);
  EXPECT_EQ(engine_->Read({.bytes_max = 1}).value().events.size(), 1u) << "one event always fits";
  EXPECT_EQ(SequencesOf(ReadAll(*engine_, {.bytes_max = 3 * size}).value()), Range(1, 30));
}

TEST_P(LogEngineConformance, APageKeepsItsEventsAlive) {
  AppendNumbered("a.b", "x", 20);
  const Page page = engine_->Read({}).value();
  clock_.Advance(absl::Hours(2));
  ASSERT_TRUE(engine_->Trim({.age_max = absl::Hours(1)}).ok());
  engine_.reset();
  EXPECT_EQ(page.events[19].topic, "a.b");
  EXPECT_EQ(page.events[19].id, "x10-9");
}

TEST_P(LogEngineConformance, AScanIsBoundedAndSaysHowFarItCame) {
  AppendNumbered("a.b", "x", 250);
  Append({{.topic = "c.d", .id = "rare"}});
  const Selection rare = Select({"c.*"});
  const Page page = engine_->Read({.selection = &rare}).value();
  EXPECT_THAT(page.events, IsEmpty());
  EXPECT_GE(page.read_to, 64u);
  EXPECT_LT(page.read_to, 100u);
  EXPECT_THAT(SequencesOf(ReadAll(*engine_, {.selection = &rare}).value()), ElementsAre(251));
}

TEST_P(LogEngineConformance, AnExactTopicIsLookedUp) {
  AppendNumbered("a.b", "x", 1'000);
  Append({{.topic = "c.d", .id = "rare"}});
  const Selection rare = Select({"c.d", "no.where"});
  const Page page = engine_->Read({.selection = &rare}).value();
  EXPECT_THAT(SequencesOf(page), ElementsAre(1'001));
  EXPECT_EQ(page.read_to, 1'001u);
}

TEST_P(LogEngineConformance, ReadsTheNewestFirst) {
  AppendNumbered("a.b", "x", 250);
  EXPECT_THAT(
      SequencesOf(engine_->Read({.after = UINT64_MAX, .until = 0, .events_max = 3, .newest_first = true}).value()),
      ElementsAre(250, 249, 248));
  const Page page = engine_->Read({.after = 4, .until = 2, .newest_first = true}).value();
  EXPECT_THAT(SequencesOf(page), ElementsAre(3, 2));
  EXPECT_EQ(page.read_to, 2u);
  EXPECT_THAT(engine_->Read({.after = 1, .until = 0, .newest_first = true}).value().events, IsEmpty());
  EXPECT_THAT(engine_->Read({.after = 0, .until = 0, .newest_first = true}).value().events, IsEmpty());
  std::vector<uint64_t> all = Range(1, 250);
  std::reverse(all.begin(), all.end());
  const Selection exact = Select({"a.b"});
  for (const Selection* selection : {static_cast<const Selection*>(nullptr), &exact}) {
    EXPECT_EQ(
        SequencesOf(
            ReadAll(*engine_, {.after = 251, .until = 0, .selection = selection, .events_max = 7, .newest_first = true})
                .value()),
        all);
  }
}

TEST_P(LogEngineConformance, FindsThePlaceOfATime) {
  const absl::Time start = clock_();
  for (int minute = 0; minute < 30; ++minute) {
    AppendNumbered("a.b", fmt::format("m{}-", minute), 10);
    clock_.Advance(absl::Minutes(1));
  }
  EXPECT_EQ(engine_->SequenceBefore(absl::InfinitePast()).value(), 0u);
  EXPECT_EQ(engine_->SequenceBefore(start).value(), 0u);
  EXPECT_EQ(engine_->SequenceBefore(start + absl::Milliseconds(1)).value(), 10u);
  for (int minute = 1; minute < 30; ++minute) {
    EXPECT_EQ(engine_->SequenceBefore(start + absl::Minutes(minute)).value(), 10u * static_cast<unsigned>(minute));
  }
  EXPECT_EQ(engine_->SequenceBefore(clock_()).value(), 300u);
  EXPECT_EQ(engine_->SequenceBefore(absl::InfiniteFuture()).value(), 300u);
  ASSERT_TRUE(engine_->Trim({.age_max = absl::Minutes(15)}).ok());
  EXPECT_EQ(engine_->SequenceBefore(start).value(), engine_->bounds().earliest - 1);
}

TEST_P(LogEngineConformance, GivesTheNewestEventOfEachTopic) {
  for (int i = 0; i < 30; ++i) {
    for (int topic = 0; topic < 10; ++topic) {
      if (topic < 5 || i < 10) {
        Append({{.topic = fmt::format("t.{}", topic),
                 .id = fmt::format("{}", i),
                 .type_name = i < 20 ? "test.v1.A" : "test.v1.B"}});
      }
    }
  }
  // The first hundred events are rounds of 10 topics, the next hundred rounds of the first 5.
  EXPECT_THAT(SequencesOf(engine_->ReadLastPerTopic({}).value()),
              ElementsAre(96, 97, 98, 99, 100, 196, 197, 198, 199, 200));
  EXPECT_EQ(engine_->ReadLastPerTopic({}).value().read_to, 200u);
  EXPECT_THAT(SequencesOf(engine_->ReadLastPerTopic({.until = 98}).value()),
              ElementsAre(89, 90, 91, 92, 93, 94, 95, 96, 97, 98));
  const Selection few = Select({"t.1", "t.7", "t.none"});
  EXPECT_THAT(SequencesOf(engine_->ReadLastPerTopic({.selection = &few}).value()), ElementsAre(98, 197));
  const Selection typed = Select({"t.1", "t.7", "t.*"}, {"test.v1.A"});
  EXPECT_THAT(SequencesOf(engine_->ReadLastPerTopic({.selection = &typed}).value()),
              ElementsAre(96, 97, 98, 99, 100, 146, 147, 148, 149, 150));
}

TEST_P(LogEngineConformance, PagesThroughTheNewestEventsOfTopics) {
  for (int topic = 0; topic < 250; ++topic) {
    Append({{.topic = fmt::format("t.{}", topic), .id = "1"}});
  }
  const uint64_t until = engine_->bounds().head;
  std::vector<uint64_t> got;
  for (uint64_t after = 0; after < until;) {
    const Page page = engine_->ReadLastPerTopic({.after = after, .until = until, .events_max = 40}).value();
    const std::vector<uint64_t> sequences = SequencesOf(page);
    EXPECT_LE(sequences.size(), 40u);
    got.insert(got.end(), sequences.begin(), sequences.end());
    ASSERT_GT(page.read_to, after);
    after = page.read_to;
    // What comes in between changes nothing below `until`.
    Append({{.topic = "t.249", .id = fmt::format("later-{}", after)}});
  }
  EXPECT_EQ(got, Range(1, 250));
}

// Every way to select, against a list and a loop.
TEST_P(LogEngineConformance, SelectsLikeANaiveReader) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  const auto pick = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
  std::vector<EventCopy> model;
  for (int round = 0; round < 60; ++round) {
    TestBatch batch;
    for (unsigned i = 0, n = 1 + pick(30); i < n; ++i) {
      TestEvent event;
      event.topic = fmt::format("{}.{}.{}", "abc"[pick(3)], "xy"[pick(2)], pick(5));
      event.id = fmt::format("{}-{}", round, i);
      event.type_name = fmt::format("test.v1.T{}", pick(3));
      event.payload.resize(pick(1'000), 'p');
      batch.Add(event);
      model.push_back({model.size() + 1, 0, event.topic, event.id, event.type_name, ""});
    }
    Append(batch);
  }
  if (harness_->persists()) {
    Reopen();
  }
  const std::vector<std::vector<std::string>> filters = {
      {">"}, {"a.>"}, {"*.x.*"}, {"a.x.1"}, {"a.x.1", "b.y.2", "c.x.4"}, {"a.x.1", "b.>"}, {"d.e"}};
  for (const std::vector<std::string>& filter : filters) {
    for (const std::vector<std::string>& types : {std::vector<std::string>{}, {"test.v1.T1"}, {"test.v1.None"}}) {
      for (const bool newest_first : {false, true}) {
        const Selection selection = Select(filter, types);
        const uint64_t low = 1 + pick(static_cast<unsigned>(model.size()));
        const uint64_t high = low + pick(static_cast<unsigned>(model.size()));
        std::vector<uint64_t> expected;
        std::map<std::string, uint64_t> last;
        for (const EventCopy& event : model) {
          const bool matches =
              selection.filters.Matches(event.topic) && (types.empty() || selection.types.contains(event.type_name));
          if (matches && event.sequence >= low && event.sequence <= high) {
            expected.push_back(event.sequence);
          }
          if (matches && event.sequence <= high) {
            last[event.topic] = event.sequence;
          }
        }
        if (newest_first) {
          std::reverse(expected.begin(), expected.end());
        }
        ReadRequest request{.after = newest_first ? high + 1 : low - 1,
                            .until = newest_first ? low : high,
                            .selection = &selection,
                            .events_max = 1 + pick(50),
                            .bytes_max = 1 + pick(20'000),
                            .newest_first = newest_first};
        EXPECT_EQ(SequencesOf(ReadAll(*engine_, request).value()), expected);

        std::vector<uint64_t> newest;
        for (const auto& [topic, sequence] : last) {
          newest.push_back(sequence);
        }
        std::sort(newest.begin(), newest.end());
        EXPECT_EQ(SequencesOf(engine_->ReadLastPerTopic({.until = high, .selection = &selection}).value()), newest);
      }
    }
  }
}

}  // namespace
}  // namespace weir::log
