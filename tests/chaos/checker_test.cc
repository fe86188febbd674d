// The checker on small histories made by hand: one that is good, and for each property one that is not.
#include "tests/chaos/checker.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "tests/chaos/mutation.h"

namespace weir::chaos {
namespace {

using ::testing::Contains;
using ::testing::Field;
using ::testing::IsEmpty;
using Kind = Item::Kind;

// A log of ten events: `even` has the even sequences, `odd` the odd ones. Retention has removed the first two. One
// reader saw everything and came back once; one was away when the first two went, and was told of a gap.
class CheckerTest : public ::testing::Test {
 protected:
  CheckerTest() {
    history_.trims = true;
    history_.epochs = {epoch_};
    for (uint64_t i = 1; i <= 10; ++i) {
      const std::string topic = i % 2 == 0 ? "a.even" : "a.odd";
      history_.published.push_back({.stream = 1,
                                    .order = i,
                                    .topic = topic,
                                    .event_id = Id(i),
                                    .content = ContentOf(Id(i)),
                                    .outcome = Published::Outcome::kAcknowledged,
                                    .cursor = At(i)});
      if (i > 2) {
        history_.log.push_back({At(i), topic, Id(i), ContentOf(Id(i))});
      }
    }
    history_.statuses = {{1, At(0), At(4)}, {100, At(2), At(10)}};
    history_.measurements = {{"server resident bytes", 5, 10}};
    Reader all{"all", {"a.>"}, {}};
    all.connections.push_back({.at = 2, .items = {Connected(0), Event(1), Event(2), Event(3), Event(4)}});
    all.connections.push_back({.transport = Transport::kPoll, .asked = At(4), .at = 50, .items = {Connected(4)}});
    for (uint64_t i = 5; i <= 10; ++i) {
      all.connections[1].items.push_back(Event(i));
    }
    Reader odd{"odd", {"*.odd"}, {}};
    odd.connections.push_back(
        {.transport = Transport::kGrpc,
         .asked = At(0),
         .at = 60,
         .items = {Connected(0), Gap(0, 2), Event(3), Event(5), Progress(6), Event(7), Event(9), Progress(10)}});
    history_.readers = {all, odd};
  }

  static std::string Id(uint64_t i) { return fmt::format("event-{}", i); }
  Cursor At(uint64_t sequence) const { return {epoch_, sequence}; }
  Item Connected(uint64_t at) const { return {.kind = Kind::kConnected, .cursor = At(at), .at = 50}; }
  Item Progress(uint64_t at) const { return {.kind = Kind::kProgress, .cursor = At(at), .at = 50}; }
  Item Event(uint64_t i) const {
    return {.kind = Kind::kEvent, .cursor = At(i), .text = Id(i), .content = ContentOf(Id(i)), .at = 50};
  }
  Item Gap(uint64_t after, uint64_t to, const std::string& reason = "expired") const {
    return {.kind = Kind::kGap, .cursor = At(to), .text = reason, .requested = At(after), .at = 50};
  }
  std::vector<Item>& AllItems(size_t connection) { return history_.readers[0].connections[connection].items; }
  std::vector<Item>& OddItems() { return history_.readers[1].connections[0].items; }

  void ExpectViolated(const std::string& property) {
    EXPECT_THAT(Check(history_), Contains(Field(&Violation::property, property)));
  }
  void ExpectGood() {
    std::vector<std::string> what;
    for (const Violation& violation : Check(history_)) {
      what.push_back(violation.property + ": " + violation.what);
    }
    EXPECT_THAT(what, IsEmpty());
  }

  const Epoch epoch_ = *Epoch::Parse("aaaaaaaa");
  const Epoch later_ = *Epoch::Parse("bbbbbbbb");
  History history_;
};

TEST_F(CheckerTest, AcceptsWhatThePromisesAllow) { ExpectGood(); }

TEST_F(CheckerTest, FindsEverySeededBug) {
  for (const Mutation& mutation : Mutations()) {
    const History good = history_;
    std::mt19937_64 random(7);
    ASSERT_TRUE(mutation.apply(history_, random)) << mutation.name;
    EXPECT_THAT(Check(history_), Contains(Field(&Violation::property, mutation.property))) << mutation.name;
    history_ = good;
  }
}

TEST_F(CheckerTest, AProgressMayNotBeAheadOfAnEventThatIsStillToCome) {
  OddItems()[4] = Progress(7);
  ExpectViolated("ordered");
  ExpectViolated("complete");
}

TEST_F(CheckerTest, AProgressThatGoesBackIsOutOfOrder) {
  OddItems().push_back(Progress(8));
  ExpectViolated("ordered");
}

TEST_F(CheckerTest, AnEventMayNotBeShownAgainAfterComingBack) {
  AllItems(1).insert(AllItems(1).begin() + 1, Event(4));
  ExpectViolated("unique");
}

TEST_F(CheckerTest, WhatIsMissedBetweenTwoConnectionsIsMissing) {
  AllItems(1).erase(AllItems(1).begin() + 1);
  ExpectViolated("complete");
}

TEST_F(CheckerTest, AGapCoversOnlyWhatFollowsTheCursorThatItNames) {
  AllItems(0).erase(AllItems(0).begin() + 1);
  AllItems(0).insert(AllItems(0).begin() + 2, Gap(2, 2));
  ExpectViolated("complete");
}

TEST_F(CheckerTest, AGapMayNotSkipWhatTheLogStillHas) {
  OddItems()[1] = Gap(0, 4);
  OddItems().erase(OddItems().begin() + 2);
  ExpectViolated("justified");
}

TEST_F(CheckerTest, AGapNeedsThatSomethingWasRemoved) {
  AllItems(1).insert(AllItems(1).begin() + 1, Gap(4, 4));
  ExpectViolated("justified");
}

TEST_F(CheckerTest, AnotherReasonForAGapIsNoReason) {
  OddItems()[1] = Gap(0, 2, "beyond_head");
  ExpectViolated("justified");
}

TEST_F(CheckerTest, ALogThatMayNotBeTrimmedBeginsAtItsBeginning) {
  history_.trims = false;
  ExpectViolated("durable");
}

TEST_F(CheckerTest, WhatAReaderWasShownIsInTheLogToo) {
  history_.published[9].outcome = Published::Outcome::kUnknown;
  history_.log.pop_back();
  ExpectViolated("durable");
}

TEST_F(CheckerTest, OtherContentInTheLogIsNotWhatWasAcknowledged) {
  history_.log[3].content = 1;
  ExpectViolated("honest");
}

TEST_F(CheckerTest, ARefusedEventMayNotAppear) {
  history_.published[4].outcome = Published::Outcome::kRefused;
  ExpectViolated("honest");
}

TEST_F(CheckerTest, AReaderThatStopsShortIsNotLive) {
  AllItems(1).pop_back();
  ExpectViolated("live");
}

TEST_F(CheckerTest, AReaderThatWasNeverConnectedIsNotLive) {
  history_.readers.push_back({"late", {"a.even"}, {}});
  ExpectViolated("live");
}

TEST_F(CheckerTest, AReaderOfEverythingMayNotBeginLate) {
  history_.readers[0].connections[0].start = "earliest";
  AllItems(0)[0] = Connected(3);
  AllItems(0).erase(AllItems(0).begin() + 1, AllItems(0).begin() + 4);
  ExpectViolated("resumable");
}

TEST_F(CheckerTest, ASecondAcknowledgementIsADuplicateWithTheSamePlace) {
  Published again = history_.published[6];
  again.stream = 0;
  again.duplicate = true;
  history_.published.push_back(again);
  ExpectGood();
  history_.published.back().duplicate = false;
  ExpectViolated("unique");
  history_.published.back().duplicate = true;
  history_.published.back().cursor = At(11);
  ExpectViolated("unique");
}

TEST_F(CheckerTest, AnIdThatIsUsedForOtherContentIsRefused) {
  Published again = history_.published[6];
  again.stream = 0;
  again.content = 7;
  again.outcome = Published::Outcome::kRefused;
  history_.published.push_back(again);
  ExpectGood();
  history_.published.back().outcome = Published::Outcome::kAcknowledged;
  history_.published.back().duplicate = true;
  ExpectViolated("unique");
}

TEST_F(CheckerTest, OnlyWhatIsMeantToBeRefusedIsRefused) {
  history_.published.push_back({.topic = "a.odd", .event_id = "bad", .outcome = Published::Outcome::kRefused});
  ExpectGood();
  history_.published.back().stream = 1;
  ExpectViolated("live");
}

TEST_F(CheckerTest, WhatCouldNeverBeMeasuredHasNoBound) {
  history_.measurements[0].value = 0;
  ExpectGood();
  history_.measurements[0].value.reset();
  ExpectViolated("bounded");
}

// The log was recreated after its sixth event; one event of the new one.
class RecreatedLogTest : public CheckerTest {
 protected:
  RecreatedLogTest() {
    history_.trims = false;
    history_.epochs = {epoch_, later_};
    history_.log = {{{later_, 1}, "a.odd", "event-11", ContentOf("event-11")}};
    history_.published.push_back({.stream = 1,
                                  .order = 11,
                                  .topic = "a.odd",
                                  .event_id = "event-11",
                                  .content = ContentOf("event-11"),
                                  .outcome = Published::Outcome::kAcknowledged,
                                  .cursor = {later_, 1}});
    history_.statuses = {{1, At(0), At(4)}, {100, {later_, 0}, {later_, 1}}};
    const Item gap{.kind = Kind::kGap, .cursor = {later_, 0}, .text = "other_epoch", .requested = At(10), .at = 50};
    const Item event{.kind = Kind::kEvent, .cursor = {later_, 1}, .text = "event-11", .content = ContentOf("event-11")};
    OddItems()[1] = Event(1);
    for (std::vector<Item>* items : {&AllItems(1), &OddItems()}) {
      items->push_back(gap);
      items->push_back(event);
    }
  }
};

TEST_F(RecreatedLogTest, IsAcceptedWithAGap) { ExpectGood(); }

TEST_F(RecreatedLogTest, NeedsAGap) {
  AllItems(1).erase(AllItems(1).end() - 2);
  ExpectViolated("complete");
}

TEST_F(RecreatedLogTest, StoresAnEventOnceInEachLife) {
  Published again = history_.published[6];
  again.stream = 0;
  again.cursor = {later_, 2};
  history_.published.push_back(again);
  history_.log.push_back({again.cursor, again.topic, again.event_id, again.content});
  for (std::vector<Item>* items : {&AllItems(1), &OddItems()}) {
    items->push_back(
        {.kind = Kind::kEvent, .cursor = again.cursor, .text = again.event_id, .content = again.content, .at = 60});
  }
  ExpectGood();
  history_.published.push_back(again);
  ExpectViolated("unique");
}

// Also when the next life of the log has begun before anybody asked for the state of this one.
TEST_F(RecreatedLogTest, ALogThatKeepsEverythingHasNoOtherGap) {
  AllItems(1).insert(AllItems(1).end() - 2, Gap(10, 10));
  (AllItems(1).end() - 3)->at = 70;
  ExpectViolated("justified");
}

TEST_F(RecreatedLogTest, ItsGapMayNotSkipWhatTheNewLogHas) {
  (AllItems(1).end() - 2)->cursor.sequence = 1;
  AllItems(1).pop_back();
  ExpectViolated("justified");
}

TEST_F(RecreatedLogTest, AnEpochThatNobodyMadeIsNotBelieved) {
  AllItems(1).back().cursor.epoch = *Epoch::Parse("cccccccc");
  ExpectViolated("unique");
}

}  // namespace
}  // namespace weir::chaos
