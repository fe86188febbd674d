#include "edge/history_queue.h"

#include <memory>

#include "edge/testing/fake_log.h"
#include "gtest/gtest.h"

namespace weir::edge {
namespace {

class HistoryQueueTest : public testing::Test {
 protected:
  HistoryRequest After(uint64_t sequence) {
    HistoryRequest request;
    request.filters = {">"};
    request.start.kind = ReadStart::Kind::kAfter;
    request.start.cursor = log_.At(sequence);
    return request;
  }
  void Read(HistoryQueue& queue, uint64_t sequence) {
    queue.Read(After(sequence), wanted_, [this](const auto& page) { answers_ += page.ok() ? 1 : 0; });
  }

  FakeLog log_;
  std::shared_ptr<int> wanted_ = std::make_shared<int>();
  int answers_ = 0;
};

TEST_F(HistoryQueueTest, OnlySoManyReadsRunAtOnce) {
  log_.Hold();
  HistoryQueue queue(log_, 2);
  for (uint64_t i = 0; i < 5; ++i) {
    Read(queue, i);
  }
  EXPECT_EQ(log_.requests().size(), 2);
  EXPECT_EQ(queue.running(), 2);
  EXPECT_EQ(queue.waiting(), 3);
  log_.Release();
  EXPECT_EQ(log_.requests().size(), 5);
  EXPECT_EQ(answers_, 5);
  EXPECT_EQ(queue.running(), 0);
  EXPECT_EQ(queue.reads_total(), 5);
}

TEST_F(HistoryQueueTest, EqualReadsShareOne) {
  log_.Hold();
  HistoryQueue queue(log_, 1);
  for (int i = 0; i < 100; ++i) {
    Read(queue, 7);
  }
  Read(queue, 8);
  Read(queue, 8);
  log_.Release();
  EXPECT_EQ(log_.requests().size(), 2);
  EXPECT_EQ(answers_, 102);
}

TEST_F(HistoryQueueTest, AReadThatNobodyWantsAnyMoreIsNotMade) {
  log_.Hold();
  HistoryQueue queue(log_, 1);
  Read(queue, 1);
  Read(queue, 2);
  wanted_.reset();
  log_.Release();
  EXPECT_EQ(log_.requests().size(), 1);
  EXPECT_EQ(answers_, 0);
}

// The server answers nothing, and readers come, ask and go.
TEST_F(HistoryQueueTest, ForgetsThoseWhoLeft) {
  log_.Hold();
  HistoryQueue queue(log_, 2);
  Read(queue, 0);
  for (uint64_t i = 1; i <= 10'000; ++i) {
    const auto gone = std::make_shared<int>();
    queue.Read(After(i), gone, [](const auto&) { FAIL() << "nobody asks for it any more"; });
    queue.Read(After(0), gone, [](const auto&) { FAIL() << "nobody asks for it any more"; });
    ASSERT_LE(queue.waiting(), 64);
    ASSERT_LE(queue.askers(), 64);
  }
  log_.Release();
  EXPECT_EQ(answers_, 1);
  EXPECT_EQ(queue.askers(), 0);
  EXPECT_EQ(queue.waiting(), 0);
}

// The same where everybody reads something else, as the routes of users are.
TEST_F(HistoryQueueTest, ForgetsThoseWhoLeftOfManyStreams) {
  log_.Hold();
  HistoryQueue queue(log_, 2);
  Read(queue, 0);
  Read(queue, 1);
  HistoryRequest kept = After(5);
  kept.filters = {"kept.>"};
  queue.Read(kept, wanted_, [this](const auto& page) { answers_ += page.ok() ? 1 : 0; });
  for (int i = 1; i <= 1000; ++i) {
    HistoryRequest request = After(5);
    request.filters = {"users." + std::to_string(i)};
    queue.Read(request, std::make_shared<int>(), [](const auto&) { FAIL() << "nobody asks for it any more"; });
    ASSERT_LE(queue.waiting(), 64);
  }
  log_.Release();
  EXPECT_EQ(answers_, 3);
  EXPECT_EQ(queue.reads_total(), 3);
  EXPECT_EQ(queue.waiting(), 0);
}

// A reader far behind is not read for again and again while others wait further on, nor the other way round.
TEST_F(HistoryQueueTest, GoesUpwardsThroughAStreamAndBeginsAgain) {
  log_.Hold();
  HistoryQueue queue(log_, 64);
  for (const uint64_t after : {50, 60, 10, 70, 55, 20}) {
    Read(queue, after);
  }
  log_.Release();
  std::vector<uint64_t> order;
  for (const HistoryRequest& request : log_.requests()) {
    order.push_back(request.start.cursor.sequence);
  }
  EXPECT_EQ(order, (std::vector<uint64_t>{50, 60, 70, 10, 20, 55}));
}

TEST_F(HistoryQueueTest, ForgetsNobodyWhoIsThere) {
  log_.Hold();
  HistoryQueue queue(log_, 1);
  for (uint64_t i = 0; i < 500; ++i) {
    Read(queue, i);
    Read(queue, i / 2);
  }
  EXPECT_EQ(queue.askers(), 1000);
  log_.Release();
  EXPECT_EQ(answers_, 1000);
}

TEST_F(HistoryQueueTest, AnAnswerMayComeAfterTheQueueIsGone) {
  log_.Hold();
  {
    HistoryQueue queue(log_, 1);
    Read(queue, 1);
    Read(queue, 2);
  }
  log_.Release();
  EXPECT_EQ(answers_, 0);
}

// Slow readers stand at different places of the same stretch.
TEST_F(HistoryQueueTest, ReadersOfOneStretchShareItsPages) {
  for (int i = 0; i < 40; ++i) {
    log_.Add("a.b", "x");
  }
  log_.page_events_max = 20;
  log_.Hold();
  HistoryQueue queue(log_, 64);
  std::vector<std::pair<uint64_t, uint64_t>> firsts;
  for (uint64_t after = 0; after < 15; ++after) {
    queue.Read(After(after), wanted_, [&firsts, after](const auto& page) {
      firsts.emplace_back(after, (*page)->events[(*page)->FirstAfter(after)].sequence);
    });
  }
  EXPECT_EQ(queue.running(), 2);
  log_.Release();
  EXPECT_EQ(queue.reads_total(), 2);
  EXPECT_EQ(firsts.size(), 15);
  for (const auto& [after, first] : firsts) {
    EXPECT_EQ(first, after + 1);
  }
  EXPECT_GT(queue.cached_bytes(), 0);
  queue.Forget();
  EXPECT_EQ(queue.cached_bytes(), 0);
  Read(queue, 3);
  EXPECT_EQ(queue.reads_total(), 3);
}

// The last page is not kept, for more may come; those who wait for what it has are given it.
TEST_F(HistoryQueueTest, ReadersInsideTheLastPageShareItToo) {
  for (int i = 0; i < 40; ++i) {
    log_.Add("a.b", "x");
  }
  log_.Hold();
  HistoryQueue queue(log_, 64);
  for (uint64_t after = 0; after < 30; ++after) {
    Read(queue, after);
  }
  log_.Release();
  EXPECT_EQ(queue.reads_total(), 2);
  EXPECT_EQ(answers_, 30);
  EXPECT_EQ(queue.cached_bytes(), 0);
}

TEST_F(HistoryQueueTest, KeepsNothingThatWasReadOfAnotherPast) {
  for (int i = 0; i < 40; ++i) {
    log_.Add("a.b", "x");
  }
  log_.page_events_max = 20;
  log_.Hold();
  HistoryQueue queue(log_, 64);
  Read(queue, 0);
  queue.Forget();
  log_.Release();
  EXPECT_EQ(answers_, 1);
  EXPECT_EQ(queue.cached_bytes(), 0);
}

}  // namespace
}  // namespace weir::edge
