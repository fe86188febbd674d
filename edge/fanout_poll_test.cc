#include <memory>

#include "edge/testing/hub_harness.h"
#include "gtest/gtest.h"

namespace weir::edge {
namespace {

using Kind = ReadStart::Kind;

class FanoutPollTest : public testing::Test, public HubHarness {
 protected:
  PollRequest Ask(std::vector<std::string> filters, ReadStart start, bool has_cursor = true) {
    PollRequest request;
    request.reader = Request(std::move(filters), start).reader;
    request.has_cursor = has_cursor;
    return request;
  }
  void AddEvents(int from, int to) {
    for (int i = from; i <= to; ++i) {
      log.Add("a", std::to_string(i));
    }
  }
};

TEST_F(FanoutPollTest, WithoutACursorGivesTheCurrentOne) {
  AddEvents(1, 3);
  log.Fill(tail, 0);
  Spin();
  EXPECT_EQ(PollOnce(Ask({"a"}, {}, false)), R"({"events":[],"cursor":"aaaaaaaa-3","more":false,"gap":null})");
}

TEST_F(FanoutPollTest, GivesWhatCameAfterTheCursor) {
  AddEvents(1, 3);
  log.Add("b", "other");
  log.Fill(tail, 0);
  Spin();
  EXPECT_EQ(PollOnce(Ask({"a"}, After(log.At(1)))),
            R"({"events":[{"id":"aaaaaaaa-2","event":"t.Event","data":"2"},)"
            R"({"id":"aaaaaaaa-3","event":"t.Event","data":"3"}],"cursor":"aaaaaaaa-4","more":false,"gap":null})");
  EXPECT_EQ(PollOnce(Ask({"a"}, After(log.At(4)))), R"({"events":[],"cursor":"aaaaaaaa-4","more":false,"gap":null})");
}

TEST_F(FanoutPollTest, SaysWhenThereIsMoreThanTheLimit) {
  AddEvents(1, 3);
  log.Fill(tail, 0);
  Spin();
  PollRequest request = Ask({"a"}, After(log.At(0)));
  request.limit = 1;
  EXPECT_EQ(
      PollOnce(request),
      R"({"events":[{"id":"aaaaaaaa-1","event":"t.Event","data":"1"}],"cursor":"aaaaaaaa-1","more":true,"gap":null})");
  request.reader.start = After(log.At(2));
  EXPECT_EQ(
      PollOnce(request),
      R"({"events":[{"id":"aaaaaaaa-3","event":"t.Event","data":"3"}],"cursor":"aaaaaaaa-3","more":false,"gap":null})");
}

TEST_F(FanoutPollTest, ReadsHistoryForAnOldCursorAndTellsTheGap) {
  AddEvents(1, 5);
  log.TrimTo(3);
  log.Fill(tail, 4);
  Spin();
  EXPECT_EQ(PollOnce(Ask({"a"}, After(log.At(1)))),
            R"({"events":[{"id":"aaaaaaaa-4","event":"t.Event","data":"4"},)"
            R"({"id":"aaaaaaaa-5","event":"t.Event","data":"5"}],"cursor":"aaaaaaaa-5","more":false,)"
            R"("gap":{"reason":"expired","requested":"aaaaaaaa-1","resumedAt":"aaaaaaaa-3"}})");
}

TEST_F(FanoutPollTest, EarliestAndLastReadHistory) {
  AddEvents(1, 3);
  log.Fill(tail, 0);
  Spin();
  EXPECT_EQ(
      PollOnce(Ask({"a"}, From(Kind::kLast), false)),
      R"({"events":[{"id":"aaaaaaaa-3","event":"t.Event","data":"3"}],"cursor":"aaaaaaaa-3","more":false,"gap":null})");
  PollRequest earliest = Ask({"a"}, From(Kind::kEarliest), false);
  earliest.limit = 2;
  EXPECT_EQ(PollOnce(earliest),
            R"({"events":[{"id":"aaaaaaaa-1","event":"t.Event","data":"1"},)"
            R"({"id":"aaaaaaaa-2","event":"t.Event","data":"2"}],"cursor":"aaaaaaaa-2","more":true,"gap":null})");
}

// A poll gives up after some pages, but what it has read it need not read again.
TEST_F(FanoutPollTest, EmptyPagesBringAPollFromATimeFurther) {
  for (int i = 0; i < 200; ++i) {
    log.Add("other", "x");
  }
  log.Add("a", "1");
  log.Fill(tail, 201);
  Spin();
  log.page_scan_max = 10;
  EXPECT_EQ(PollOnce(Ask({"a"}, From(Kind::kTime), false)),
            R"({"events":[],"cursor":"aaaaaaaa-160","more":true,"gap":null})");
  EXPECT_EQ(
      PollOnce(Ask({"a"}, After(log.At(160)))),
      R"({"events":[{"id":"aaaaaaaa-201","event":"t.Event","data":"1"}],"cursor":"aaaaaaaa-201","more":false,"gap":null})");
}

TEST_F(FanoutPollTest, ALongPollIsAnsweredByAnEvent) {
  log.Fill(tail, 0);
  Spin();
  PollRequest request = Ask({"a"}, After(log.At(0)));
  request.wait = absl::Seconds(30);
  std::string first;
  std::string second;
  hub.Poll(request, [&](const absl::StatusOr<std::string>& body) { first = *body; });
  hub.Poll(request, [&](const absl::StatusOr<std::string>& body) { second = *body; });
  Spin();
  log.Add("b", "not for them");
  Feed();
  EXPECT_EQ(first, "");
  log.Add("a", "2");
  Feed();
  EXPECT_EQ(
      first,
      R"({"events":[{"id":"aaaaaaaa-2","event":"t.Event","data":"2"}],"cursor":"aaaaaaaa-2","more":false,"gap":null})");
  EXPECT_EQ(second, first);
}

TEST_F(FanoutPollTest, ALongPollEndsEmptyAtItsDeadline) {
  log.Fill(tail, 0);
  Spin();
  PollRequest request = Ask({"a"}, After(log.At(0)));
  request.wait = absl::Seconds(30);
  std::string body;
  hub.Poll(request, [&](const absl::StatusOr<std::string>& answer) { body = *answer; });
  Spin();
  Advance(absl::Seconds(29));
  EXPECT_EQ(body, "");
  Advance(absl::Seconds(1));
  EXPECT_EQ(body, R"({"events":[],"cursor":"aaaaaaaa-0","more":false,"gap":null})");
}

TEST_F(FanoutPollTest, ALongPollEndsWithItsToken) {
  log.Fill(tail, 0);
  Spin();
  PollRequest request = Ask({"a"}, After(log.At(0)));
  request.wait = absl::Seconds(30);
  request.reader.expires = now + absl::Seconds(10);
  std::string body;
  hub.Poll(request, [&](const absl::StatusOr<std::string>& answer) { body = *answer; });
  Spin();
  Advance(absl::Seconds(9));
  EXPECT_EQ(body, "");
  Advance(absl::Seconds(1));
  EXPECT_EQ(body, R"({"events":[],"cursor":"aaaaaaaa-0","more":false,"gap":null})");
}

TEST_F(FanoutPollTest, ALongPollIsToldWhenTheLogWentBack) {
  AddEvents(1, 2);
  log.Fill(tail, 0);
  Spin();
  PollRequest request = Ask({"a"}, After(log.At(2)));
  request.wait = absl::Seconds(30);
  std::string body;
  hub.Poll(request, [&](const absl::StatusOr<std::string>& answer) { body = *answer; });
  Spin();
  log.Recreate("aaaaaaaa");
  tail.Reset(log.At(0), GapReason::kBeyondHead);
  AddEvents(11, 13);
  Feed();
  EXPECT_EQ(body, R"({"events":[],"cursor":"aaaaaaaa-0","more":false,)"
                  R"("gap":{"reason":"beyond_head","requested":"aaaaaaaa-2","resumedAt":"aaaaaaaa-0"}})");
}

TEST_F(FanoutPollTest, ALongPollWhosePlaceTheTailLostIsStillAnswered) {
  log.Fill(tail, 0);
  Spin();
  PollRequest request = Ask({"a"}, After(log.At(0)));
  request.wait = absl::Seconds(30);
  std::string body;
  hub.Poll(request, [&](const absl::StatusOr<std::string>& answer) { body = *answer; });
  Spin();
  log.Recreate("bbbbbbbb");
  log.Add("a", "1");
  tail.Reset(log.At(0), GapReason::kOtherEpoch);
  Feed();
  for (int i = 0; i < 5; ++i) {
    Spin();
  }
  EXPECT_EQ(body, R"({"events":[{"id":"bbbbbbbb-1","event":"t.Event","data":"1"}],"cursor":"bbbbbbbb-1","more":false,)"
                  R"("gap":{"reason":"other_epoch","requested":"aaaaaaaa-0","resumedAt":"bbbbbbbb-0"}})");
}

TEST_F(FanoutPollTest, ACallerThatGoesAwayIsNotAnswered) {
  log.Fill(tail, 0);
  Spin();
  PollRequest request = Ask({"a"}, After(log.At(0)));
  request.wait = absl::Seconds(30);
  bool answered = false;
  const std::function<void()> cancel = hub.Poll(request, [&](const auto&) { answered = true; });
  Spin();
  cancel();
  cancel();
  log.Add("a", "1");
  Feed();
  Advance(absl::Seconds(60));
  EXPECT_FALSE(answered);
}

TEST_F(FanoutPollTest, AMalformedCursorIsRefused) {
  log.Fill(tail, 0);
  Spin();
  EXPECT_EQ(PollOnce(Ask({"a"}, From(Kind::kMalformedCursor))), "INVALID_ARGUMENT");
}

TEST_F(FanoutPollTest, IsUnavailableWhileNothingIsKnown) {
  EXPECT_EQ(PollOnce(Ask({"a"}, {}, false)), "UNAVAILABLE");
  PollRequest patient = Ask({"a"}, {}, false);
  patient.wait = absl::Seconds(5);
  std::string body;
  hub.Poll(patient, [&](const absl::StatusOr<std::string>& answer) { body = *answer; });
  Spin();
  log.Fill(tail, 0);
  Spin();
  EXPECT_EQ(body, R"({"events":[],"cursor":"aaaaaaaa-0","more":false,"gap":null})");
}

TEST_F(FanoutPollTest, IsUnavailableWhenHistoryIs) {
  AddEvents(1, 2);
  log.Fill(tail, 1);
  Spin();
  log.FailWith(absl::DeadlineExceededError("slow"));
  EXPECT_EQ(PollOnce(Ask({"a"}, After(log.At(0)))), "UNAVAILABLE");
}

TEST_F(FanoutPollTest, IsUnavailableWhenHistoryKeepsItWaiting) {
  AddEvents(1, 2);
  log.Fill(tail, 1);
  Spin();
  log.Hold();
  PollRequest request = Ask({"a"}, After(log.At(0)));
  request.wait = absl::Seconds(5);
  absl::Status status;
  hub.Poll(request, [&](const absl::StatusOr<std::string>& answer) { status = answer.status(); });
  Spin();
  Advance(absl::Seconds(19));
  EXPECT_TRUE(status.ok());
  Advance(absl::Seconds(1));
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  log.Release();
  Spin();
}

TEST_F(FanoutPollTest, AGapBeforeTheEarliestEventsIsAskedForFromTheirBeginning) {
  log.Add("a", "!");
  log.Add("a", "2");
  log.Fill(tail, 0);
  Spin();
  EXPECT_EQ(PollOnce(Ask({"a"}, From(ReadStart::Kind::kEarliest))),
            R"({"events":[{"id":"aaaaaaaa-2","event":"t.Event","data":"2"}],"cursor":"aaaaaaaa-2","more":false,)"
            R"("gap":{"reason":"unrenderable","requested":"aaaaaaaa-0","resumedAt":"aaaaaaaa-1"}})");
}

TEST_F(FanoutPollTest, AnUnrenderableEventIsAGapBeforeTheEventsOfItsAnswer) {
  log.Add("a", "1");
  log.Add("a", "!");
  log.Add("a", "3");
  log.Fill(tail, 0);
  Spin();
  EXPECT_EQ(
      PollOnce(Ask({"a"}, After(log.At(0)))),
      R"({"events":[{"id":"aaaaaaaa-1","event":"t.Event","data":"1"}],"cursor":"aaaaaaaa-1","more":true,"gap":null})");
  EXPECT_EQ(PollOnce(Ask({"a"}, After(log.At(1)))),
            R"({"events":[{"id":"aaaaaaaa-3","event":"t.Event","data":"3"}],"cursor":"aaaaaaaa-3","more":false,)"
            R"("gap":{"reason":"unrenderable","requested":"aaaaaaaa-1","resumedAt":"aaaaaaaa-2"}})");
}

TEST_F(FanoutPollTest, DrainAnswersThoseThatWait) {
  log.Fill(tail, 0);
  Spin();
  PollRequest request = Ask({"a"}, After(log.At(0)));
  request.wait = absl::Seconds(30);
  std::string body;
  hub.Poll(request, [&](const absl::StatusOr<std::string>& answer) { body = *answer; });
  Spin();
  hub.Drain(absl::Seconds(5), absl::Seconds(5), [] {});
  Spin();
  EXPECT_NE(body, "");
}

}  // namespace
}  // namespace weir::edge
