#include "server/list/list_events.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "log/log_testing.h"
#include "log/memory_engine.h"
#include "server/list/page_token.h"
#include "server/testing.h"

namespace weir::server {
namespace {

class ListEventsTest : public ::testing::Test {
 protected:
  void Append(const std::string& topic, size_t count) {
    log::TestBatch batch;
    for (size_t i = 0; i < count; ++i) {
      batch.Add({.topic = topic, .id = "e" + std::to_string(next_id_++), .type_name = "test.v1.Note"});
    }
    ASSERT_TRUE(log_.Append(batch.events()).ok());
  }

  v1::ListEventsResponse List(v1::ListEventsRequest request) {
    if (request.filters().empty()) {
      request.add_filters(">");
    }
    FaultOr<WireMessage> page = ListEvents(request, log_, *types_);
    fault_ = page.ok() ? "" : std::string(NameOf(page.fault().reason));
    field_ = page.ok() ? "" : page.fault().field;
    v1::ListEventsResponse response;
    if (page.ok()) {
      EXPECT_TRUE(response.ParseFromString(page->ToString()));
    }
    return response;
  }

  // All pages in one. Fills `pages_`.
  std::vector<uint64_t> ListAll(v1::ListEventsRequest request) {
    std::vector<uint64_t> sequences;
    pages_.clear();
    do {
      pages_.push_back(List(request));
      EXPECT_EQ(fault_, "");
      for (const v1::Event& event : pages_.back().events()) {
        sequences.push_back(event.sequence());
      }
      request.set_page_token(pages_.back().next_page_token());
    } while (!request.page_token().empty());
    return sequences;
  }

  std::string CursorAt(uint64_t sequence) const { return Cursor{log_.bounds().epoch, sequence}.ToString(); }

  static std::vector<uint64_t> Range(uint64_t first, uint64_t last) {
    std::vector<uint64_t> range;
    for (uint64_t i = first; i <= last; ++i) {
      range.push_back(i);
    }
    return range;
  }

  log::TestClock clock_;
  ScriptedLog log_{log::MakeMemoryLog({.log = log::TestLogOptions(clock_)})};
  const std::shared_ptr<const EventTypes> types_ = TestTypes();
  int next_id_ = 0;
  std::string fault_;
  std::string field_;
  std::vector<v1::ListEventsResponse> pages_;
};

TEST_F(ListEventsTest, PagesThroughEverythingFromTheEarliest) {
  Append("a", 250);
  v1::ListEventsRequest request;
  request.set_page_size(40);
  EXPECT_EQ(ListAll(request), Range(1, 250));
  EXPECT_EQ(pages_.front().events_size(), 40);
  EXPECT_EQ(pages_.front().cursor(), CursorAt(40));
  EXPECT_EQ(pages_.back().cursor(), CursorAt(250));
  EXPECT_EQ(pages_.back().schema_version(), types_->version());
}

TEST_F(ListEventsTest, PageSizeHasADefaultAndALargestValue) {
  Append("a", 1200);
  EXPECT_EQ(List({}).events_size(), 64);  // the scan is bounded in these tests
  v1::ListEventsRequest request;
  request.set_page_size(-1);
  List(request);
  EXPECT_EQ(fault_, "FIELD_INVALID");
  EXPECT_EQ(field_, "page_size");
  request.set_page_size(2'000'000'000);
  EXPECT_EQ(ListAll(request), Range(1, 1200));
}

TEST_F(ListEventsTest, LaterEventsAreNotOnLaterPages) {
  Append("a", 10);
  v1::ListEventsRequest request;
  request.set_page_size(5);
  const v1::ListEventsResponse first = List(request);
  Append("a", 10);
  request.set_page_token(first.next_page_token());
  const v1::ListEventsResponse second = List(request);
  EXPECT_EQ(second.events_size(), 5);
  EXPECT_EQ(second.next_page_token(), "");
  EXPECT_EQ(second.cursor(), CursorAt(10));
}

TEST_F(ListEventsTest, NewestFirst) {
  Append("a", 250);
  v1::ListEventsRequest request;
  request.set_page_size(40);
  request.set_newest_first(true);
  std::vector<uint64_t> expected = Range(1, 250);
  std::reverse(expected.begin(), expected.end());
  EXPECT_EQ(ListAll(request), expected);
  for (const v1::ListEventsResponse& page : pages_) {
    EXPECT_EQ(page.cursor(), CursorAt(250));
  }
}

TEST_F(ListEventsTest, NewestFirstDownToACursor) {
  Append("a", 20);
  v1::ListEventsRequest request;
  request.set_newest_first(true);
  request.mutable_start()->set_after_cursor(CursorAt(17));
  request.set_until_cursor(CursorAt(19));
  EXPECT_EQ(ListAll(request), (std::vector<uint64_t>{19, 18}));
}

TEST_F(ListEventsTest, UntilIsIncluded) {
  Append("a", 20);
  v1::ListEventsRequest request;
  request.set_until_cursor(CursorAt(7));
  EXPECT_EQ(ListAll(request), Range(1, 7));
  EXPECT_EQ(pages_.back().cursor(), CursorAt(7));
}

TEST_F(ListEventsTest, LatestListsNothing) {
  Append("a", 20);
  v1::ListEventsRequest request;
  request.mutable_start()->mutable_latest();
  const v1::ListEventsResponse page = List(request);
  EXPECT_EQ(page.events_size(), 0);
  EXPECT_EQ(page.next_page_token(), "");
  EXPECT_EQ(page.cursor(), CursorAt(20));
  request.set_newest_first(true);
  EXPECT_TRUE(ListAll(request).empty());
}

TEST_F(ListEventsTest, LastPerTopic) {
  Append("a", 30);
  Append("b", 2);
  Append("c", 1);
  v1::ListEventsRequest request;
  request.mutable_start()->mutable_last_per_topic();
  request.set_page_size(1);
  EXPECT_EQ(ListAll(request), (std::vector<uint64_t>{30, 32, 33}));
  EXPECT_EQ(pages_.back().cursor(), CursorAt(33));
  request.set_newest_first(true);
  List(request);
  EXPECT_EQ(fault_, "FIELD_INVALID");
  EXPECT_EQ(field_, "newest_first");
}

TEST_F(ListEventsTest, FromTime) {
  Append("a", 3);
  clock_.Advance(absl::Seconds(10));
  Append("a", 3);
  v1::ListEventsRequest request;
  request.mutable_start()->mutable_from_time()->set_seconds(clock_.millis() / 1000);
  EXPECT_EQ(ListAll(request), Range(4, 6));
}

TEST_F(ListEventsTest, AnEmptyPageIsNotTheEnd) {
  Append("other", 200);
  Append("wanted", 1);
  v1::ListEventsRequest request;
  request.add_filters("*.x");
  EXPECT_TRUE(ListAll(request).empty());
  v1::ListEventsRequest wanted;
  wanted.add_filters("wanted");
  EXPECT_EQ(ListAll(wanted), Range(201, 201));
}

TEST_F(ListEventsTest, APageEndsAtTwoMebibytes) {
  log::TestBatch batch;
  for (int i = 0; i < 5; ++i) {
    batch.Add({.topic = "a", .id = std::to_string(i), .payload = std::string(700'000, 'x')});
  }
  ASSERT_TRUE(log_.Append(batch.events()).ok());
  EXPECT_EQ(ListAll({}), Range(1, 5));
  for (const v1::ListEventsResponse& page : pages_) {
    EXPECT_LE(page.ByteSizeLong(), 2'100'000u);
  }
}

TEST_F(ListEventsTest, AGapStandsBeforeWhatIsLeft) {
  Append("a", 250);
  clock_.Advance(absl::Hours(2));
  ASSERT_TRUE(log_.Trim({.age_max = absl::Hours(1)}).ok());
  Append("a", 3);
  v1::ListEventsRequest request;
  request.mutable_start()->set_after_cursor(CursorAt(5));
  const v1::ListEventsResponse page = List(request);
  EXPECT_EQ(page.gap().reason(), v1::Gap::REASON_EXPIRED);
  EXPECT_EQ(page.gap().resume_cursor(), CursorAt(250));
  EXPECT_EQ(page.events(0).sequence(), 251u);
}

TEST_F(ListEventsTest, RetentionBetweenPagesIsAGap) {
  Append("a", 250);
  v1::ListEventsRequest request;
  request.set_page_size(10);
  request.set_page_token(List(request).next_page_token());
  clock_.Advance(absl::Hours(2));
  ASSERT_TRUE(log_.Trim({.age_max = absl::Hours(1)}).ok());
  const v1::ListEventsResponse page = List(request);
  EXPECT_EQ(page.gap().reason(), v1::Gap::REASON_EXPIRED);
  EXPECT_EQ(page.gap().requested_cursor(), CursorAt(10));
  EXPECT_EQ(page.next_page_token(), "");
  request.set_newest_first(true);
  request.clear_page_token();
  EXPECT_EQ(List(request).events_size(), 0);
}

TEST_F(ListEventsTest, RefusesForeignCursors) {
  Append("a", 5);
  v1::ListEventsRequest request;
  request.set_until_cursor("junk");
  List(request);
  EXPECT_EQ(fault_, "CURSOR_INVALID");
  EXPECT_EQ(field_, "until_cursor");
  request.set_until_cursor("zzzzzzzz-1");
  List(request);
  EXPECT_EQ(fault_, "CURSOR_OTHER_EPOCH");
  request.set_until_cursor(CursorAt(6));
  List(request);
  EXPECT_EQ(fault_, "CURSOR_BEYOND_HEAD");
}

TEST_F(ListEventsTest, RefusesTokensOfOtherRequests) {
  Append("a", 20);
  v1::ListEventsRequest request;
  request.add_filters("a");
  request.set_page_size(5);
  const std::string token = List(request).next_page_token();
  ASSERT_NE(token, "");
  request.set_page_token(token);
  EXPECT_EQ(List(request).events(0).sequence(), 6u);

  std::vector<v1::ListEventsRequest> others(5, request);
  others[0].add_filters("b");
  others[1].add_types("test.v1.Note");
  others[2].set_newest_first(true);
  others[3].set_until_cursor(CursorAt(10));
  others[4].set_page_token(token + "0");
  for (const v1::ListEventsRequest& other : others) {
    List(other);
    EXPECT_EQ(fault_, "PAGE_TOKEN_INVALID") << other.ShortDebugString();
    EXPECT_EQ(field_, "page_token");
  }
}

TEST_F(ListEventsTest, ALogThatCannotBeReadIsUnavailable) {
  Append("a", 1);
  log_.FailReads(absl::DataLossError("corrupt"));
  List({});
  EXPECT_EQ(fault_, "LOG_DAMAGED");
  log_.FailReads(absl::UnavailableError("busy"));
  List({});
  EXPECT_EQ(fault_, "LOG_UNAVAILABLE");
}

TEST(PageToken, RoundTripsAndDetectsEveryChangedByte) {
  v1::ListEventsRequest request;
  request.add_filters("a");
  const PageToken token{.epoch = *Epoch::Parse("abcdefgh"),
                        .position = 12,
                        .bound = 34,
                        .resume = 56,
                        .last_per_topic = true,
                        .not_before_millis = -7};
  const std::string text = token.ToString(request);
  const std::optional<PageToken> parsed = PageToken::Parse(text, request);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->epoch, token.epoch);
  EXPECT_EQ(parsed->position, 12u);
  EXPECT_EQ(parsed->bound, 34u);
  EXPECT_EQ(parsed->resume, 56u);
  EXPECT_TRUE(parsed->last_per_topic);
  EXPECT_EQ(parsed->not_before_millis, -7);
  for (size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = changed[i] == '1' ? '2' : '1';
    EXPECT_FALSE(PageToken::Parse(changed, request).has_value()) << changed;
  }
  EXPECT_FALSE(PageToken::Parse("", request).has_value());
  EXPECT_FALSE(PageToken::Parse(std::string(1000, '.'), request).has_value());
}

}  // namespace
}  // namespace weir::server
