#include "log/log_engine_conformance.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <random>
#include <thread>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "log/encode.h"

namespace weir::log {

using testing::ElementsAre;
using testing::IsEmpty;
using Outcome = AppendResult::Outcome;

std::vector<AppendResult> LogEngineConformance::Append(const TestBatch& batch) {
  absl::StatusOr<std::vector<AppendResult>> results = engine_->Append(batch.events());
  EXPECT_TRUE(results.ok()) << results.status();
  return results.ok() ? *std::move(results) : std::vector<AppendResult>(batch.events().size());
}

void LogEngineConformance::AppendNumbered(std::string_view topic, std::string_view prefix, size_t count) {
  for (size_t i = 0; i < count; i += 10) {
    const TestBatch batch = Numbered(topic, fmt::format("{}{}-", prefix, i), std::min<size_t>(10, count - i));
    for (const AppendResult& result : Append(batch)) {
      ASSERT_EQ(result.outcome, Outcome::kStored);
    }
  }
}

namespace {

std::vector<uint64_t> Range(uint64_t first, uint64_t last) {
  std::vector<uint64_t> sequences;
  for (uint64_t sequence = first; sequence <= last; ++sequence) {
    sequences.push_back(sequence);
  }
  return sequences;
}

std::vector<uint64_t> SequencesOf(const std::vector<EventCopy>& events) {
  std::vector<uint64_t> sequences;
  for (const EventCopy& event : events) {
    sequences.push_back(event.sequence);
  }
  return sequences;
}

// --- Appending

TEST_P(LogEngineConformance, IsEmptyAtFirst) {
  const Bounds bounds = engine_->bounds();
  EXPECT_EQ(bounds.head, 0u);
  EXPECT_EQ(bounds.earliest, 1u);
  EXPECT_EQ(bounds.bytes, 0u);
  EXPECT_NE(bounds.epoch, Epoch());
  const absl::StatusOr<Page> page = engine_->Read({});
  ASSERT_TRUE(page.ok());
  EXPECT_THAT(page->events, IsEmpty());
  EXPECT_EQ(page->read_to, 0u);
  EXPECT_EQ(engine_->SequenceBefore(absl::InfiniteFuture()).value(), 0u);
  EXPECT_TRUE(engine_->health().ok());
  EXPECT_TRUE(engine_->Trim({absl::Seconds(1), 1}).ok());
  EXPECT_EQ(engine_->Append({}).value().size(), 0u);
}

TEST_P(LogEngineConformance, NumbersEventsFromOneInTheirOrder) {
  const std::vector<AppendResult> first = Append({{.topic = "a", .id = "1"}, {.topic = "b", .id = "1"}});
  const std::vector<AppendResult> second = Append({{.topic = "a", .id = "2"}});
  EXPECT_EQ(first[0].sequence, 1u);
  EXPECT_EQ(first[1].sequence, 2u);
  EXPECT_EQ(second[0].sequence, 3u);
  EXPECT_EQ(first[0].publish_millis, clock_.millis());
  EXPECT_EQ(engine_->bounds().head, 3u);
}

TEST_P(LogEngineConformance, GivesBackWhatWasStored) {
  Append({{.topic = "a.b", .id = "id-1", .payload = "one", .type_name = "test.v1.One", .time_millis = 5}});
  const Page page = engine_->Read({}).value();
  ASSERT_EQ(page.events.size(), 1u);
  const StoredEvent& event = page.events[0];
  EXPECT_EQ(event.sequence, 1u);
  EXPECT_EQ(event.publish_millis, clock_.millis());
  EXPECT_EQ(event.topic, "a.b");
  EXPECT_EQ(event.id, "id-1");
  EXPECT_EQ(event.type_name, "test.v1.One");
  const std::string cursor = Cursor{engine_->bounds().epoch, 1}.ToString();
  EXPECT_NE(event.element.find(cursor), std::string_view::npos);
  EXPECT_EQ(engine_->bounds().bytes, event.element.size());
}

TEST_P(LogEngineConformance, StoresEventsOfAnySize) {
  Append({{.id = "small"}, {.id = "large", .payload = std::string(100'000, 'x')}, {.id = "small2"}});
  const std::vector<EventCopy> events = ReadAll(*engine_, {}).value();
  ASSERT_EQ(events.size(), 3u);
  EXPECT_GT(events[1].element.size(), 100'000u);
  EXPECT_EQ(events[2].id, "small2");
}

TEST_P(PersistentLogEngineConformance, KeepsEverythingWhenOpenedAgain) {
  AppendNumbered("a.b", "x", 355);
  const Bounds before = engine_->bounds();
  const std::vector<EventCopy> events = ReadAll(*engine_, {}).value();
  for (int i = 0; i < 2; ++i) {
    Reopen();
    const Bounds after = engine_->bounds();
    EXPECT_EQ(after.epoch, before.epoch);
    EXPECT_EQ(after.head, before.head);
    EXPECT_EQ(after.earliest, before.earliest);
    EXPECT_EQ(after.bytes, before.bytes);
    const std::vector<EventCopy> again = ReadAll(*engine_, {}).value();
    ASSERT_EQ(again.size(), events.size());
    for (size_t j = 0; j < events.size(); ++j) {
      ASSERT_EQ(again[j].element, events[j].element);
    }
  }
  EXPECT_EQ(Append({{.id = "next"}})[0].sequence, before.head + 1);
}

TEST_P(LogEngineConformance, PublishTimeNeverDecreases) {
  const int64_t start = clock_.millis();
  EXPECT_EQ(Append({{.id = "1"}})[0].publish_millis, start);
  clock_.Advance(-absl::Hours(1));
  EXPECT_EQ(Append({{.id = "2"}})[0].publish_millis, start);
  if (harness_->persists()) {
    Reopen();
    EXPECT_EQ(Append({{.id = "3"}})[0].publish_millis, start);
  }
  clock_.Advance(absl::Hours(2));
  EXPECT_EQ(Append({{.id = "4"}})[0].publish_millis, start + 3'600'000);
}

// --- Retries

TEST_P(LogEngineConformance, StoresARetryOnce) {
  Append({{.id = "1", .payload = "one"}, {.id = "2", .payload = "two", .time_millis = 7}});
  const int64_t first_millis = clock_.millis();
  clock_.Advance(absl::Seconds(5));
  const std::vector<AppendResult> retry =
      Append({{.id = "2", .payload = "two", .time_millis = 7}, {.id = "1", .payload = "one"}, {.id = "3"}});
  EXPECT_EQ(retry[0].outcome, Outcome::kDuplicate);
  EXPECT_EQ(retry[0].sequence, 2u);
  EXPECT_EQ(retry[0].publish_millis, first_millis);
  EXPECT_EQ(retry[1].outcome, Outcome::kDuplicate);
  EXPECT_EQ(retry[1].sequence, 1u);
  EXPECT_EQ(retry[2].outcome, Outcome::kStored);
  EXPECT_EQ(retry[2].sequence, 3u);
  EXPECT_EQ(ReadAll(*engine_, {}).value().size(), 3u);
}

TEST_P(LogEngineConformance, RefusesAnIdWithOtherContent) {
  Append({{.id = "1", .payload = "one", .time_millis = 7}});
  const std::vector<AppendResult> results = Append({{.id = "1", .payload = "other", .time_millis = 7},
                                                    {.id = "1", .payload = "one", .time_millis = 8},
                                                    {.id = "1", .payload = "one"}});
  for (const AppendResult& result : results) {
    EXPECT_EQ(result.outcome, Outcome::kIdReused);
    EXPECT_EQ(result.sequence, 1u);
  }
  EXPECT_EQ(engine_->bounds().head, 1u);
}

TEST_P(LogEngineConformance, AnIdBelongsToItsTopic) {
  const std::vector<AppendResult> results = Append({{.topic = "a", .id = "1"}, {.topic = "b", .id = "1"}});
  EXPECT_EQ(results[1].outcome, Outcome::kStored);
}

TEST_P(LogEngineConformance, RecognisesRetriesWithinABatch) {
  const std::vector<AppendResult> results =
      Append({{.id = "1", .payload = "one"}, {.id = "1", .payload = "one"}, {.id = "1", .payload = "other"}});
  EXPECT_EQ(results[0].outcome, Outcome::kStored);
  EXPECT_EQ(results[1].outcome, Outcome::kDuplicate);
  EXPECT_EQ(results[1].sequence, 1u);
  EXPECT_EQ(results[1].publish_millis, clock_.millis());
  EXPECT_EQ(results[2].outcome, Outcome::kIdReused);
  EXPECT_EQ(engine_->bounds().head, 1u);
}

TEST_P(PersistentLogEngineConformance, RecognisesRetriesAfterARestart) {
  AppendNumbered("a.b", "x", 250);
  Append({{.id = "1", .payload = "one"}});
  Reopen();
  const std::vector<AppendResult> results =
      Append({{.id = "1", .payload = "one"}, {.id = "1", .payload = "other"}, {.id = "x0-0"}});
  EXPECT_EQ(results[0].outcome, Outcome::kDuplicate);
  EXPECT_EQ(results[0].sequence, 251u);
  EXPECT_EQ(results[1].outcome, Outcome::kIdReused);
  EXPECT_EQ(results[2].outcome, Outcome::kDuplicate);
  EXPECT_EQ(results[2].sequence, 1u);
}

TEST_P(LogEngineConformance, RemembersHalfOfTheWindowAndNoMoreThanAll) {
  options_.idempotence_events_max = 200;
  Reopen();
  AppendNumbered("a.b", "x", 400);
  for (int i = 0; i < 2; ++i) {
    const std::vector<AppendResult> known = Append({{.id = "x300-0"}, {.id = "x390-9"}});
    EXPECT_EQ(known[0].outcome, Outcome::kDuplicate);
    EXPECT_EQ(known[1].outcome, Outcome::kDuplicate);
    if (!harness_->persists()) {
      break;
    }
    Reopen();
  }
  EXPECT_EQ(Append({{.id = "x190-9"}})[0].outcome, Outcome::kStored);
}

TEST_P(LogEngineConformance, ForgetsIdsAfterATime) {
  Append({{.id = "1"}});
  clock_.Advance(options_.idempotence_age_max);
  EXPECT_EQ(Append({{.id = "1"}})[0].outcome, Outcome::kDuplicate);
  clock_.Advance(absl::Milliseconds(1));
  EXPECT_EQ(Append({{.id = "1"}})[0].outcome, Outcome::kStored);
  EXPECT_EQ(Append({{.id = "1"}})[0].sequence, 2u) << "the newer one counts";
}

TEST_P(LogEngineConformance, ForgetsIdsOfRemovedEvents) {
  Append({{.id = "1"}});
  clock_.Advance(absl::Hours(2));
  ASSERT_TRUE(engine_->Trim({.age_max = absl::Hours(1)}).ok());
  EXPECT_EQ(Append({{.id = "1", .payload = "other"}})[0].outcome, Outcome::kStored);
}

// --- Reading

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

// --- Retention

TEST_P(LogEngineConformance, TrimsByAge) {
  for (int hour = 0; hour < 10; ++hour) {
    AppendNumbered("a.b", fmt::format("h{}-", hour), 100);
    clock_.Advance(absl::Hours(1));
  }
  const uint64_t bytes = engine_->bounds().bytes;
  ASSERT_TRUE(engine_->Trim({.age_max = absl::Hours(24)}).ok());
  EXPECT_EQ(engine_->bounds().earliest, 1u);
  ASSERT_TRUE(engine_->Trim({.age_max = absl::Hours(4) + absl::Minutes(1)}).ok());
  EXPECT_EQ(engine_->bounds().earliest, 601u);
  EXPECT_EQ(engine_->bounds().head, 1'000u);
  EXPECT_LT(engine_->bounds().bytes, bytes / 2);
  EXPECT_EQ(SequencesOf(ReadAll(*engine_, {.after = 600}).value()), Range(601, 1'000));
}

TEST_P(LogEngineConformance, TrimsByBytesAndKeepsAtLeastThatMuch) {
  AppendNumbered("a.b", "x", 1'000);
  const uint64_t all = engine_->bounds().bytes;
  ASSERT_TRUE(engine_->Trim({.bytes_max = all}).ok());
  EXPECT_EQ(engine_->bounds().bytes, all);
  ASSERT_TRUE(engine_->Trim({.bytes_max = all / 2}).ok());
  EXPECT_GE(engine_->bounds().bytes, all / 2);
  EXPECT_LT(engine_->bounds().bytes, all / 2 + all / 8);
  EXPECT_GT(engine_->bounds().earliest, 300u);
}

TEST_P(LogEngineConformance, SaysWhereATrimWouldEndAndStopsWhereItIsTold) {
  for (int hour = 0; hour < 10; ++hour) {
    AppendNumbered("a.b", fmt::format("h{}-", hour), 100);
    clock_.Advance(absl::Hours(1));
  }
  EXPECT_EQ(engine_->TrimPoint({.age_max = absl::Hours(24)}), 1u);
  TrimPolicy policy{.age_max = absl::Hours(4) + absl::Minutes(1)};
  const uint64_t point = engine_->TrimPoint(policy);
  EXPECT_EQ(point, 601u);
  policy.keep_from = 250;
  ASSERT_TRUE(engine_->Trim(policy).ok());
  EXPECT_GT(engine_->bounds().earliest, 100u);
  EXPECT_LE(engine_->bounds().earliest, 250u);
  policy.keep_from = point;
  ASSERT_TRUE(engine_->Trim(policy).ok());
  EXPECT_EQ(engine_->bounds().earliest, point);
  policy.keep_from = UINT64_MAX;
  EXPECT_EQ(engine_->TrimPoint(policy), point) << "there is no more";
}

TEST_P(LogEngineConformance, TrimsEvenWhenNoSegmentIsFull) {
  options_.segment_events_max = 1'000'000;
  Reopen();
  for (int i = 0; i < 100; ++i) {
    Append({{.id = fmt::format("{}", i)}});
    clock_.Advance(absl::Minutes(10));
    ASSERT_TRUE(engine_->Trim({.age_max = absl::Hours(4)}).ok());
  }
  EXPECT_GE(engine_->bounds().earliest, 101u - 24 - 4);
  EXPECT_LE(engine_->bounds().earliest, 101u - 23);
}

TEST_P(LogEngineConformance, ReadingBelowTheEarliestIsOutOfRange) {
  AppendNumbered("a.b", "x", 200);
  clock_.Advance(absl::Hours(2));
  Append({{.id = "new"}});
  ASSERT_TRUE(engine_->Trim({.age_max = absl::Hours(1)}).ok());
  ASSERT_EQ(engine_->bounds().earliest, 201u);
  const Selection exact = Select({"a.b"});
  for (const Selection* selection : {static_cast<const Selection*>(nullptr), &exact}) {
    EXPECT_EQ(engine_->Read({.after = 0, .selection = selection}).status().code(), absl::StatusCode::kOutOfRange);
    EXPECT_EQ(engine_->Read({.after = 199, .selection = selection}).status().code(), absl::StatusCode::kOutOfRange);
    EXPECT_THAT(SequencesOf(engine_->Read({.after = 200, .selection = selection}).value()), ElementsAre(201));
    const Page down =
        engine_->Read({.after = UINT64_MAX, .until = 0, .selection = selection, .newest_first = true}).value();
    EXPECT_THAT(SequencesOf(down), ElementsAre(201));
    EXPECT_EQ(down.read_to, 0u);
    EXPECT_THAT(SequencesOf(engine_->ReadLastPerTopic({.selection = selection}).value()), ElementsAre(201));
  }
}

TEST_P(LogEngineConformance, ALogTrimmedEmptyKeepsCounting) {
  AppendNumbered("a.b", "x", 150);
  clock_.Advance(absl::Hours(2));
  ASSERT_TRUE(engine_->Trim({.age_max = absl::Hours(1)}).ok());
  const int64_t millis = clock_.millis();
  const auto expect_empty = [&] {
    const Bounds bounds = engine_->bounds();
    EXPECT_EQ(bounds.head, 150u);
    EXPECT_EQ(bounds.earliest, 151u);
    EXPECT_EQ(bounds.bytes, 0u);
    EXPECT_THAT(engine_->Read({.after = 150}).value().events, IsEmpty());
    EXPECT_THAT(engine_->ReadLastPerTopic({}).value().events, IsEmpty());
    EXPECT_EQ(engine_->Read({.after = 149}).status().code(), absl::StatusCode::kOutOfRange);
    EXPECT_EQ(engine_->SequenceBefore(absl::InfinitePast()).value(), 150u);
  };
  expect_empty();
  if (harness_->persists()) {
    Reopen();
    expect_empty();
    clock_.Advance(-absl::Hours(5));
    EXPECT_EQ(Append({{.id = "next"}})[0].publish_millis, millis - 7'200'000) << "not before the removed events";
  } else {
    Append({{.id = "next"}});
  }
  EXPECT_EQ(engine_->bounds().head, 151u);
  EXPECT_EQ(engine_->bounds().earliest, 151u);
  EXPECT_THAT(SequencesOf(engine_->Read({.after = 150}).value()), ElementsAre(151));
}

TEST_P(PersistentLogEngineConformance, StaysTrimmedWhenOpenedAgain) {
  AppendNumbered("a.b", "x", 500);
  const uint64_t bytes = engine_->bounds().bytes;
  ASSERT_TRUE(engine_->Trim({.bytes_max = bytes / 2}).ok());
  const Bounds before = engine_->bounds();
  ASSERT_GT(before.earliest, 100u);
  Reopen();
  EXPECT_EQ(engine_->bounds().earliest, before.earliest);
  EXPECT_EQ(engine_->bounds().bytes, before.bytes);
  const Selection exact = Select({"a.b"});
  EXPECT_EQ(SequencesOf(ReadAll(*engine_, {.after = before.earliest - 1, .selection = &exact}).value()),
            Range(before.earliest, 500));
}

// --- Observer and concurrency

TEST_P(LogEngineConformance, TheObserverSeesEveryEventInOrderAndVisible) {
  uint64_t last = 0;
  engine_->SetObserver([&](std::span<const ChunkPtr> chunks) {
    for (const ChunkPtr& chunk : chunks) {
      EXPECT_EQ(chunk->first_sequence(), last + 1);
      last = chunk->last_sequence();
    }
    EXPECT_EQ(engine_->bounds().head, last);
    EXPECT_EQ(engine_->Read({.after = last - 1}).value().events.size(), 1u);
  });
  AppendNumbered("a.b", "x", 355);
  EXPECT_EQ(last, 355u);
  Append({{.id = "x0-0"}});
  EXPECT_EQ(last, 355u) << "a retry is not seen again";
}

TEST_P(LogEngineConformance, ReadersSeeNoHoleWhileOthersAppendAndTrim) {
  constexpr uint64_t kEvents = 6'000;
  std::atomic<bool> done = false;
  const auto follow = [&](const Selection* selection) {
    uint64_t after = 0;
    uint64_t seen = 0;
    while (true) {
      const bool last_round = done.load();
      const absl::StatusOr<Page> page = engine_->Read({.after = after, .selection = selection, .events_max = 50});
      if (absl::IsOutOfRange(page.status())) {
        after = engine_->bounds().earliest - 1;
        continue;
      }
      ASSERT_TRUE(page.ok()) << page.status();
      uint64_t expected = after;
      for (const StoredEvent& event : page->events) {
        ASSERT_EQ(event.sequence, ++expected);
        ++seen;
      }
      ASSERT_EQ(page->read_to, expected);
      if (last_round && page->read_to == after) {
        break;
      }
      after = page->read_to;
    }
    EXPECT_EQ(after, kEvents);
    EXPECT_GT(seen, 0u);
  };
  const auto look_around = [&] {
    while (!done.load()) {
      const absl::StatusOr<Page> newest =
          engine_->Read({.after = UINT64_MAX, .until = 0, .events_max = 200, .newest_first = true});
      ASSERT_TRUE(newest.ok()) << newest.status();
      for (size_t i = 1; i < newest->events.size(); ++i) {
        ASSERT_EQ(newest->events[i].sequence + 1, newest->events[i - 1].sequence);
      }
      ASSERT_TRUE(engine_->ReadLastPerTopic({}).ok());
      ASSERT_TRUE(engine_->SequenceBefore(clock_() - absl::Minutes(30)).ok());
    }
  };
  const auto trim = [&] {
    while (!done.load()) {
      ASSERT_TRUE(engine_->Trim({.age_max = absl::Hours(1), .bytes_max = 100'000}).ok());
      std::this_thread::yield();
    }
  };
  const Selection exact = Select({"a.b"});
  std::vector<std::thread> threads;
  threads.emplace_back(follow, nullptr);
  threads.emplace_back(follow, &exact);
  threads.emplace_back(look_around);
  threads.emplace_back(trim);
  for (uint64_t i = 0; i < kEvents; i += 20) {
    ASSERT_TRUE(engine_->Append(Numbered("a.b", fmt::format("{}-", i), 20).events()).ok());
    clock_.Advance(absl::Seconds(10));
  }
  done = true;
  for (std::thread& thread : threads) {
    thread.join();
  }
}

}  // namespace
}  // namespace weir::log
