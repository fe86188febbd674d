#include "log/dedupe.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "log/fingerprint.h"

namespace weir::log {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(IdempotenceWindowTest, FindsWhatWasInserted) {
  IdempotenceWindow window(100);
  EXPECT_THAT(window.Find(5), IsEmpty());
  window.Insert(5, 1);
  window.Insert(0, 2);
  EXPECT_THAT(window.Find(5), ElementsAre(1));
  EXPECT_THAT(window.Find(0), ElementsAre(2)) << "no fingerprint is special";
}

TEST(IdempotenceWindowTest, KeepsCollisionsApartNewestFirst) {
  IdempotenceWindow window(4);
  window.Insert(5, 1);
  window.Insert(5, 2);
  window.Insert(5, 3);
  EXPECT_THAT(window.Find(5), ElementsAre(3, 2, 1));
}

TEST(IdempotenceWindowTest, KeepsAtLeastHalfAndAtMostAll) {
  for (const uint64_t events_max : {0, 1, 2, 3, 7, 100}) {
    IdempotenceWindow window(events_max);
    const uint64_t half = std::max<uint64_t>(events_max / 2, 1);
    for (uint64_t sequence = 1; sequence <= 3 * events_max + 5; ++sequence) {
      window.Insert(sequence * 0x9E3779B97F4A7C15, sequence);
      uint64_t known = 0;
      for (uint64_t each = 1; each <= sequence; ++each) {
        known += window.Find(each * 0x9E3779B97F4A7C15).size();
        ASSERT_EQ(!window.Find(each * 0x9E3779B97F4A7C15).empty(), each >= window.floor());
      }
      ASSERT_GE(known, std::min(sequence, half));
      ASSERT_LE(known, 2 * half);
    }
  }
}

uint64_t FingerprintOf(uint64_t sequence) { return sequence * 0x9E3779B97F4A7C15; }

// Commits of seven events.
absl::Status Read(uint64_t begin, uint64_t end, IdempotenceWindow::Take take) {
  while (begin < end) {
    std::vector<uint64_t> fingerprints;
    for (uint64_t each = begin; each < std::min(begin + 7, end); ++each) {
      fingerprints.push_back(FingerprintOf(each));
    }
    take(fingerprints, begin);
    begin += fingerprints.size();
  }
  return absl::OkStatus();
}

TEST(IdempotenceWindowTest, RestoresWhatInsertsLeave) {
  constexpr uint64_t kEventsMax = 4'000;
  for (const uint64_t head : {0, 1, 2'000, 2'001, 3'999, 4'000, 10'000}) {
    for (const uint64_t earliest : {uint64_t{1}, head / 3 + 1, head + 1}) {
      IdempotenceWindow restored(kEventsMax);
      ASSERT_EQ(restored.Restore(earliest, head + 1, Read), absl::OkStatus());
      IdempotenceWindow plain(kEventsMax);
      const uint64_t newest = head > kEventsMax ? head - kEventsMax + 1 : 1;
      for (uint64_t sequence = std::max(earliest, newest); sequence <= head; ++sequence) {
        plain.Insert(FingerprintOf(sequence), sequence);
      }
      uint64_t end = head + 1;
      for (const uint64_t more : {0, 1, 2'000}) {
        for (const uint64_t stop = end + more; end < stop; ++end) {
          restored.Insert(FingerprintOf(end), end);
          plain.Insert(FingerprintOf(end), end);
        }
        ASSERT_EQ(restored.floor(), plain.floor()) << earliest << " to " << head << ", then " << more;
        for (uint64_t sequence = 1; sequence <= end; ++sequence) {
          ASSERT_EQ(restored.Find(FingerprintOf(sequence)), plain.Find(FingerprintOf(sequence)))
              << earliest << " to " << head << ", then " << more;
        }
      }
    }
  }
}

TEST(IdempotenceWindowTest, RestoresNothingThatCannotBeRead) {
  for (const uint64_t unreadable : {1, 51}) {
    IdempotenceWindow window(100);
    EXPECT_EQ(window.Restore(1, 101,
                             [&](uint64_t begin, uint64_t end, IdempotenceWindow::Take take) {
                               return begin == unreadable ? absl::DataLossError("") : Read(begin, end, take);
                             }),
              absl::DataLossError(""));
  }
}

TEST(IdempotenceWindowTest, SurvivesFingerprintsThatFallTogether) {
  IdempotenceWindow window(1'000);
  for (uint64_t i = 0; i < 500; ++i) {
    window.Insert(i << 32, i + 1);
  }
  for (uint64_t i = 0; i < 500; ++i) {
    ASSERT_THAT(window.Find(i << 32), ElementsAre(i + 1));
  }
  EXPECT_THAT(window.Find(uint64_t{500} << 32), IsEmpty());
}

// The vectors of the reference implementation: key 00 01 … 0f, message 00 01 … of each length.
TEST(FingerprintTest, IsSipHash24) {
  const FingerprintKey key{{0x0706050403020100, 0x0f0e0d0c0b0a0908}};
  std::string message;
  for (char c = 0; c < 15; ++c) {
    message.push_back(c);
  }
  EXPECT_EQ(SipHash(key, ""), 0x726fdb47dd0e0e31u);
  EXPECT_EQ(SipHash(key, message.substr(0, 1)), 0x74f839c593dc67fdu);
  EXPECT_EQ(SipHash(key, message.substr(0, 8)), 0x93f5f5799a932462u);
  EXPECT_EQ(SipHash(key, message), 0xa129ca6149be45e5u);
}

TEST(FingerprintTest, DependsOnKeyTopicAndId) {
  const FingerprintKey key = FingerprintKey::Random();
  const uint64_t fingerprint = Fingerprint(key, "a.b", "cd");
  EXPECT_EQ(fingerprint, Fingerprint(key, "a.b", "cd"));
  EXPECT_NE(fingerprint, Fingerprint(key, "a.bc", "d"));
  EXPECT_NE(fingerprint, Fingerprint(key, "a.b", "ce"));
  EXPECT_NE(fingerprint, Fingerprint(FingerprintKey::Random(), "a.b", "cd"));
  const std::string long_id(500, 'x');
  EXPECT_EQ(Fingerprint(key, "a", long_id), SipHash(key, "a " + long_id));
}

}  // namespace
}  // namespace weir::log
