#include "edge/history_cache.h"

#include <memory>
#include <string>

#include "gtest/gtest.h"

namespace weir::edge {
namespace {

class HistoryCacheTest : public testing::Test {
 protected:
  static HistoryRequest After(uint64_t sequence, const std::string& filter = ">") {
    HistoryRequest request;
    request.filters = {filter};
    request.start.kind = ReadStart::Kind::kAfter;
    request.start.cursor = {*Epoch::Parse("aaaaaaaa"), sequence};
    return request;
  }
  // A full page that was read up to `until`.
  static HistoryPage Page(uint64_t until, size_t bytes = 100) {
    HistoryPage page;
    page.bytes = std::make_shared<const std::string>(bytes, 'x');
    page.next_page_token = "more";
    page.cursor = {*Epoch::Parse("aaaaaaaa"), until};
    return page;
  }
  void Put(const HistoryRequest& request, const HistoryPage& page) {
    cache_.Put(HistoryCache::StreamOf(request), request, std::make_shared<const HistoryPage>(page));
  }
  // How far the page reaches that is found; 0: none.
  uint64_t Find(const HistoryRequest& request) {
    const auto page = cache_.Find(HistoryCache::StreamOf(request), request);
    return page == nullptr ? 0 : page->cursor.sequence;
  }

  const Cursor after_gap_{*Epoch::Parse("aaaaaaaa"), 12};
  HistoryCache cache_{10'000};
};

TEST_F(HistoryCacheTest, FindsThePageThatHoldsWhatFollows) {
  Put(After(10), Page(20));
  Put(After(20), Page(30));
  EXPECT_EQ(Find(After(9)), 0);
  EXPECT_EQ(Find(After(10)), 20);
  EXPECT_EQ(Find(After(19)), 20);
  EXPECT_EQ(Find(After(20)), 30);
  EXPECT_EQ(Find(After(30)), 0);
}

// A poll of one event and a stream's page may follow the same cursor.
TEST_F(HistoryCacheTest, KeepsThePageThatReachesFurther) {
  Put(After(10), Page(11));
  Put(After(10), Page(20));
  EXPECT_EQ(Find(After(10)), 20);
  Put(After(10), Page(11));
  EXPECT_EQ(Find(After(10)), 20);
}

TEST_F(HistoryCacheTest, KeepsReadersOfDifferentThingsApart) {
  Put(After(10, "a.>"), Page(20));
  EXPECT_EQ(Find(After(10, "b.>")), 0);
  HistoryRequest typed = After(10, "a.>");
  typed.types = {"t.Event"};
  EXPECT_EQ(Find(typed), 0);
  HistoryRequest other_log = After(10, "a.>");
  other_log.start.cursor.epoch = *Epoch::Parse("bbbbbbbb");
  EXPECT_EQ(Find(other_log), 0);
  HistoryRequest snapshot = After(10, "a.>");
  snapshot.start.kind = ReadStart::Kind::kLast;
  EXPECT_EQ(Find(snapshot), 0);
  EXPECT_EQ(Find(After(10, "a.>")), 20);
}

TEST_F(HistoryCacheTest, KeepsOnlyWhatCannotChange) {
  HistoryPage last = Page(20);
  last.next_page_token.clear();
  Put(After(10), last);
  HistoryPage with_gap = Page(20);
  with_gap.gap = GapInfo{GapReason::kExpired, std::nullopt, after_gap_};
  Put(After(10), with_gap);
  HistoryPage other_log = Page(20);
  other_log.cursor.epoch = *Epoch::Parse("bbbbbbbb");
  Put(After(10), other_log);
  EXPECT_EQ(cache_.bytes(), 0);
}

TEST_F(HistoryCacheTest, DropsWhatWasUsedLongestAgo) {
  Put(After(0), Page(10, 3'000));
  Put(After(10), Page(20, 3'000));
  EXPECT_EQ(Find(After(0)), 10);
  Put(After(20), Page(30, 3'000));
  EXPECT_LE(cache_.bytes(), 10'000);
  EXPECT_EQ(Find(After(0)), 10);
  EXPECT_EQ(Find(After(10)), 0);
  EXPECT_EQ(Find(After(20)), 30);
  Put(After(30), Page(40, 20'000));
  EXPECT_EQ(Find(After(30)), 0);
  cache_.Clear();
  EXPECT_EQ(cache_.bytes(), 0);
  EXPECT_EQ(Find(After(0)), 0);
}

}  // namespace
}  // namespace weir::edge
