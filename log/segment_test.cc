#include "log/segment.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "log/rocksdb_format.h"
#include "log/segment_index.h"

namespace weir::log {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

// Three segments of 100 bytes that ended 3, 2 and 1 hours ago.
std::vector<SegmentInfo> ThreeSegments() {
  std::vector<SegmentInfo> segments;
  for (int i = 0; i < 3; ++i) {
    const uint64_t first = 1 + 10 * static_cast<uint64_t>(i);
    const int64_t last = absl::ToUnixMillis(kNow - absl::Hours(3 - i));
    segments.push_back({first, first + 9, 100, last - 1'000, last});
  }
  return segments;
}

TEST(SegmentTest, DropsWhatThePolicyNoLongerKeeps) {
  const auto drop = [](const TrimPolicy& policy) { return SegmentsToDrop(ThreeSegments(), policy, kNow); };
  EXPECT_EQ(drop({}), 0u) << "no policy keeps everything";
  EXPECT_EQ(drop({.age_max = absl::Hours(3)}), 0u) << "exactly as old as allowed";
  EXPECT_EQ(drop({.age_max = absl::Hours(3) - absl::Milliseconds(1)}), 1u);
  EXPECT_EQ(drop({.age_max = absl::Minutes(90)}), 2u);
  EXPECT_EQ(drop({.age_max = absl::Minutes(1)}), 3u);
  EXPECT_EQ(drop({.age_max = absl::InfiniteDuration()}), 0u);
  EXPECT_EQ(drop({.bytes_max = 300}), 0u);
  EXPECT_EQ(drop({.bytes_max = 201}), 0u) << "two would be too few";
  EXPECT_EQ(drop({.bytes_max = 200}), 1u);
  EXPECT_EQ(drop({.bytes_max = 1}), 2u) << "the last one is never too much";
  EXPECT_EQ(drop({.age_max = absl::Minutes(90), .bytes_max = 300}), 2u) << "either is enough";
  EXPECT_EQ(SegmentsToDrop({}, {.bytes_max = 1}, kNow), 0u);
}

TEST(SegmentTest, ClosesASegmentThatIsAnEighthOfThePolicy) {
  const SegmentInfo active{1, 10, 1'000, absl::ToUnixMillis(kNow - absl::Hours(1)), absl::ToUnixMillis(kNow)};
  EXPECT_FALSE(ShouldClose(active, {}, kNow));
  EXPECT_FALSE(ShouldClose(active, {.age_max = absl::Hours(8)}, kNow));
  EXPECT_TRUE(ShouldClose(active, {.age_max = absl::Hours(7)}, kNow));
  EXPECT_FALSE(ShouldClose(active, {.bytes_max = 8'000}, kNow));
  EXPECT_TRUE(ShouldClose(active, {.bytes_max = 7'999}, kNow));
  EXPECT_FALSE(ShouldClose(SegmentInfo(), {.age_max = absl::Seconds(1), .bytes_max = 1}, kNow));
}

// --- Postings

const TopicPostings kPostings = {{"test.v1.A", {0, 3, 4, 200}}, {"test.v1.B", {1, 70'000}}};

TEST(PostingsTest, AreReadAsTheyWereWritten) {
  EXPECT_EQ(DecodePostings(EncodePostings(kPostings)).value(), kPostings);
  EXPECT_LT(EncodePostings(kPostings).size(), 35u);
}

TEST(PostingsTest, RefusesDamage) {
  const std::string good = EncodePostings(kPostings);
  EXPECT_FALSE(DecodePostings(good + "x").ok());
  for (size_t size = 1; size < good.size(); ++size) {
    // Cut between the two types it is still well-formed.
    const absl::StatusOr<TopicPostings> cut = DecodePostings(std::string_view(good).substr(0, size));
    EXPECT_TRUE(!cut.ok() || cut->size() == 1) << size;
  }
  EXPECT_EQ(DecodePostings(std::string("\x01"
                                       "A"
                                       "\x00",
                                       3))
                .status()
                .code(),
            absl::StatusCode::kDataLoss);
  EXPECT_FALSE(DecodePostings(std::string("\x01"
                                          "A"
                                          "\x02"
                                          "\x05"
                                          "\x00",
                                          5))
                   .ok())
      << "the same offset twice";
  EXPECT_FALSE(DecodePostings("\x01"
                              "A"
                              "\x01"
                              "\xff\xff\xff\xff\x7f")
                   .ok())
      << "beyond 32 bits";
}

TEST(PostingsTest, AreCollectedInOrderWithinARange) {
  const auto collect = [](const TextSet& types, const SequenceRange& range) {
    std::vector<uint64_t> out;
    CollectSequences(kPostings, 1'000, types, range, out);
    return out;
  };
  EXPECT_THAT(collect({}, {}), ElementsAre(1'000, 1'001, 1'003, 1'004, 1'200, 71'000));
  EXPECT_THAT(collect({}, {.low = 1'001, .high = 1'004}), ElementsAre(1'001, 1'003, 1'004));
  EXPECT_THAT(collect({}, {.limit = 2}), ElementsAre(1'000, 1'001));
  EXPECT_THAT(collect({}, {.limit = 2, .newest_first = true}), ElementsAre(71'000, 1'200));
  EXPECT_THAT(collect({}, {.low = 1'001, .high = 1'200, .limit = 3, .newest_first = true}),
              ElementsAre(1'200, 1'004, 1'003));
  EXPECT_THAT(collect({"test.v1.B"}, {}), ElementsAre(1'001, 71'000));
  EXPECT_THAT(collect({"test.v1.C"}, {}), IsEmpty());
  EXPECT_THAT(collect({}, {.low = 0, .high = 999}), IsEmpty());
  EXPECT_THAT(collect({}, {.low = 5, .high = 4}), IsEmpty());
}

// --- The format on disk

TEST(FormatTest, KeysSortAsTheirNumbers) {
  EXPECT_LT(format::NumberKey(255), format::NumberKey(256));
  EXPECT_LT(format::NumberKey(256), format::NumberKey(UINT64_MAX));
  EXPECT_EQ(format::NumberOf(format::NumberKey(0x0123456789abcdef)), 0x0123456789abcdefu);
  EXPECT_EQ(format::NumberOf("1234567"), std::nullopt);
  EXPECT_EQ(format::PostingsKey(1, "a.b"), std::string("\0\0\0\0\0\0\0\x01", 8) + "a.b");
}

TEST(FormatTest, ValuesAreReadAsTheyWereWritten) {
  const format::SegmentRecord record{{5, 900, 123'456, -1, 1'700'000'000'000}, true};
  const auto decoded = format::DecodeSegment(format::NumberKey(5), format::Encode(record));
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->info, record.info);
  EXPECT_TRUE(decoded->indexed);
  EXPECT_FALSE(format::DecodeSegment(format::NumberKey(901), format::Encode(record)).has_value());
  EXPECT_FALSE(format::DecodeSegment(format::NumberKey(5), "").has_value());
  EXPECT_FALSE(format::DecodeSegment("", format::Encode(record)).has_value());

  const auto trimmed = format::DecodeTrimmed(format::Encode(format::Trimmed{77, 88}));
  ASSERT_TRUE(trimmed.has_value());
  EXPECT_EQ(trimmed->earliest, 77u);
  EXPECT_EQ(trimmed->millis, 88);
  EXPECT_FALSE(format::DecodeTrimmed("").has_value());

  const FingerprintKey key = FingerprintKey::Random();
  EXPECT_EQ(format::DecodeFingerprintKey(format::Encode(key))->words, key.words);
  EXPECT_FALSE(format::DecodeFingerprintKey("short").has_value());

  const std::vector<uint64_t> fingerprints = {1, UINT64_MAX, 3};
  EXPECT_EQ(format::DecodeFingerprints(format::EncodeFingerprints(fingerprints)), fingerprints);
}

}  // namespace
}  // namespace weir::log
