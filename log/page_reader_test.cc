// What the conformance suite can only meet by chance: retention that passes a reader in the middle of its page.
#include "log/page_reader.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "log/encode.h"
#include "log/log_testing.h"

namespace weir::log {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Four segments of ten events, one to a chunk and a second, on the topics a, b, a, b, …. `before_access` runs before
// each access to what is stored, and may remove segments as retention does: hidden first, then gone.
class FakeView : public LogView {
 public:
  FakeView() {
    for (uint64_t first = 1; first < 41; first += 10) {
      SegmentInfo info;
      SegmentIndex& index = indexes_.emplace_back();
      for (uint64_t sequence = first; sequence < first + 10; ++sequence) {
        const TestBatch batch{{.topic = sequence % 2 == 1 ? "a" : "b", .id = fmt::format("{}", sequence)}};
        ChunkBuilder builder(Epoch(), static_cast<int64_t>(sequence) * 1'000);
        builder.Add(batch.events()[0], sequence);
        chunks_[sequence] = builder.Finish();
        info.Add(*chunks_[sequence]);
        index.Add(*chunks_[sequence], info.first);
      }
      segments_.push_back(info);
    }
  }

  void RemoveBefore(uint64_t earliest) {
    earliest_ = earliest;
    chunks_.erase(chunks_.begin(), chunks_.lower_bound(earliest));
    for (size_t i = 0; i < segments_.size() && segments_[i].first < earliest; ++i) {
      indexes_[i] = SegmentIndex();
    }
  }

  // Removes when the sequence is asked for.
  void RemoveAt(uint64_t sequence, uint64_t earliest) {
    before_chunk_ = [this, sequence, earliest](uint64_t asked) {
      if (asked == sequence) {
        RemoveBefore(earliest);
      }
    };
  }
  void RemoveAtLookUp(uint64_t earliest) {
    before_postings_ = [this, earliest] { RemoveBefore(earliest); };
  }

  uint64_t head() const override { return 40; }
  uint64_t earliest() const override { return earliest_; }
  std::span<const SegmentInfo> segments() const override { return segments_; }

  absl::StatusOr<ChunkPtr> ChunkAt(uint64_t sequence) override {
    before_chunk_(sequence);
    const auto chunk = chunks_.find(sequence);
    if (chunk == chunks_.end()) {
      return absl::DataLossError("not there");
    }
    return chunk->second;
  }

  absl::Status WithPostings(size_t segment, std::string_view topic,
                            absl::FunctionRef<void(const TopicPostings&)> use) override {
    before_postings_();
    if (const TopicPostings* postings = indexes_[segment].Find(topic); postings != nullptr) {
      use(*postings);
    }
    return absl::OkStatus();
  }

  absl::Status ForEachTopic(size_t segment,
                            absl::FunctionRef<void(std::string_view, const TopicPostings&)> use) override {
    before_postings_();
    for (const auto& [topic, postings] : indexes_[segment].topics()) {
      use(topic, postings);
    }
    return absl::OkStatus();
  }

 private:
  std::map<uint64_t, ChunkPtr> chunks_;
  std::vector<SegmentInfo> segments_;
  std::vector<SegmentIndex> indexes_;
  uint64_t earliest_ = 1;
  std::function<void(uint64_t)> before_chunk_ = [](uint64_t) {};
  std::function<void()> before_postings_ = [] {};
};

constexpr size_t kScanMax = 1'000;

TEST(PageReaderTest, AScanThatRetentionOvertakesIsOutOfRange) {
  FakeView view;
  view.RemoveAt(5, 11);
  EXPECT_EQ(ReadPage(view, {}, kScanMax).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(ReadPage(view, {.after = 10}, kScanMax).value().events.size(), 30u);
}

TEST(PageReaderTest, ALookUpThatRetentionOvertakesIsOutOfRangeAndNoHole) {
  FakeView view;
  view.RemoveAtLookUp(11);
  const Selection selection = Select({"a"});
  EXPECT_EQ(ReadPage(view, {.selection = &selection}, kScanMax).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(ReadPage(view, {.after = 10, .selection = &selection}, kScanMax).value().events.size(), 15u);
}

TEST(PageReaderTest, ALookUpWithoutABoundFindsEverything) {
  FakeView view;
  const Selection selection = Select({"a"});
  for (const bool newest_first : {false, true}) {
    const ReadRequest request{.after = newest_first ? UINT64_MAX : 0,
                              .until = newest_first ? 0 : UINT64_MAX,
                              .selection = &selection,
                              .events_max = SIZE_MAX,
                              .newest_first = newest_first};
    EXPECT_EQ(ReadPage(view, request, kScanMax).value().events.size(), 20u) << newest_first;
  }
}

TEST(PageReaderTest, ADamagedLogIsDataLoss) {
  FakeView view;
  view.RemoveAt(15, 21);
  EXPECT_EQ(ReadPage(view, {.after = 25}, kScanMax).value().events.size(), 15u);
  FakeView damaged;
  damaged.RemoveBefore(21);
  damaged.RemoveAt(21, 31);
  EXPECT_EQ(ReadPage(damaged, {.after = 30}, kScanMax).value().events.size(), 10u);
  // The same as above, but nobody says that it was removed.
  class Damaged : public FakeView {
    absl::StatusOr<ChunkPtr> ChunkAt(uint64_t sequence) override {
      return sequence == 15 ? absl::DataLossError("not there") : FakeView::ChunkAt(sequence);
    }
  };
  Damaged hole;
  EXPECT_EQ(ReadPage(hole, {}, kScanMax).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ReadPage(hole, {.after = UINT64_MAX, .until = 0, .newest_first = true}, kScanMax).status().code(),
            absl::StatusCode::kDataLoss);
}

// The index of b stands under the name a.
TEST(PageReaderTest, AnIndexThatNamesOtherTopicsEventsIsDataLoss) {
  class Misled : public FakeView {
    absl::Status WithPostings(size_t segment, std::string_view topic,
                              absl::FunctionRef<void(const TopicPostings&)> use) override {
      return FakeView::WithPostings(segment, topic == "a" ? "b" : topic, use);
    }
  };
  Misled view;
  const Selection misled = Select({"a"});
  EXPECT_EQ(ReadPage(view, {.selection = &misled}, kScanMax).status().code(), absl::StatusCode::kDataLoss);
  LastPerTopicReader reader;
  EXPECT_EQ(reader.Read(view, {.selection = &misled}).status().code(), absl::StatusCode::kDataLoss);
  const Selection right = Select({"b"});
  EXPECT_EQ(ReadPage(view, {.selection = &right}, kScanMax).value().events.size(), 20u);
}

TEST(PageReaderTest, ReadingDownwardsEndsWhereRetentionCame) {
  for (const bool exact : {false, true}) {
    const Selection selection = Select({exact ? "a" : "*"});
    FakeView view;
    view.RemoveAt(15, 21);
    const Page page =
        ReadPage(view, {.after = UINT64_MAX, .until = 0, .selection = &selection, .newest_first = true}, kScanMax)
            .value();
    EXPECT_EQ(page.events.size(), exact ? 10u : 20u);
    EXPECT_GE(page.events.back().sequence, 21u);
    EXPECT_EQ(page.read_to, 0u);
  }
  FakeView gone;
  gone.RemoveAt(15, 21);
  EXPECT_THAT(ReadPage(gone, {.after = 16, .until = 0, .newest_first = true}, kScanMax).value().events, IsEmpty());
}

TEST(PageReaderTest, SnapshotsLeaveOutWhatWasRemovedMeanwhile) {
  FakeView view;
  LastPerTopicReader reader;
  const Selection all = Select({">"});
  const ReadRequest request{.until = 11, .selection = &all, .events_max = 1};
  // The newest of b is 10, of a 11.
  EXPECT_THAT(SequencesOf(reader.Read(view, request).value()), ElementsAre(10));
  view.RemoveAt(10, 11);
  EXPECT_THAT(SequencesOf(reader.Read(view, request).value()), ElementsAre(11));
  EXPECT_EQ(reader.Read(view, request).value().read_to, 11u);
}

TEST(PageReaderTest, ATimeBeforeWhatWasRemovedMeanwhileIsBeforeTheEarliest) {
  FakeView view;
  EXPECT_EQ(FindSequenceBefore(view, absl::FromUnixSeconds(15)).value(), 14u);
  view.RemoveAt(15, 21);
  EXPECT_EQ(FindSequenceBefore(view, absl::FromUnixSeconds(15)).value(), 20u);
  EXPECT_EQ(FindSequenceBefore(view, absl::FromUnixSeconds(30)).value(), 29u);
}

TEST(PageReaderTest, FewTopicsAreLookedUpAndManyAreScannedFor) {
  std::vector<std::string> topics;
  for (int i = 0; i < 64; ++i) {
    topics.push_back(fmt::format("none.{}", i));
  }
  FakeView view;
  const Selection few = Select(topics);
  EXPECT_EQ(ReadPage(view, {.selection = &few}, /*scan_events_max=*/5).value().read_to, 40u);
  topics.push_back("none.64");
  const Selection many = Select(topics);
  EXPECT_EQ(ReadPage(view, {.selection = &many}, /*scan_events_max=*/5).value().read_to, 5u);
}

}  // namespace
}  // namespace weir::log
