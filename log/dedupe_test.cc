#include "log/dedupe.h"

#include <algorithm>
#include <string>

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

TEST(IdempotenceWindowTest, FindsTheSameWhenManyWereExpected) {
  for (const size_t expected : {0, 10, 20'000, 45'000, 1'000'000}) {
    IdempotenceWindow window(40'000);
    IdempotenceWindow plain(40'000);
    window.Expect(expected);
    for (uint64_t sequence = 1; sequence <= 45'000; ++sequence) {
      window.Insert(sequence * 0x9E3779B97F4A7C15, sequence);
      plain.Insert(sequence * 0x9E3779B97F4A7C15, sequence);
    }
    EXPECT_EQ(window.floor(), plain.floor());
    for (uint64_t sequence = 1; sequence <= 45'001; ++sequence) {
      ASSERT_EQ(window.Find(sequence * 0x9E3779B97F4A7C15), plain.Find(sequence * 0x9E3779B97F4A7C15));
    }
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
