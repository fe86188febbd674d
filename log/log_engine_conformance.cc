#include "log/log_engine_conformance.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "fmt/format.h"
#include "gmock/gmock.h"

namespace weir::log {

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

namespace {

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
