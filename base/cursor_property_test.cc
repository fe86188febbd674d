#include <gtest/gtest.h>

#include <string>

#include "base/cursor.h"
#include "tests/support/property.h"

namespace weir {
namespace {

using test::Random;

// Small, large and with runs of zeros and nines, so that every length of text comes.
uint64_t AnySequence(Random& random) {
  const uint64_t bits = random.Bits() >> random.Below(64);
  return random.OneIn(8) ? UINT64_MAX - random.Below(20) : random.OneIn(8) ? random.Below(11) : bits;
}

Cursor AnyCursor(Random& random) { return {Epoch::FromBits(random.Bits()), AnySequence(random)}; }

TEST(CursorProperty, ParsesWhatItPrints) {
  test::ForAll(5000, [](Random& random) {
    const Cursor cursor = AnyCursor(random);
    const std::string text = cursor.ToString();
    ASSERT_LE(text.size(), Cursor::kTextBytesMax);
    ASSERT_EQ(text, std::string(cursor.epoch.text()) + "-" + std::to_string(cursor.sequence));
    ASSERT_EQ(Cursor::Parse(text), cursor) << text;
  });
}

// One text per cursor: a reader's cursor can be compared as text.
TEST(CursorProperty, TakesNothingThatItWouldPrintOtherwise) {
  test::ForAll(10'000, [](Random& random) {
    const std::string text = random.OneIn(4)
                                 ? random.Text("abz09-", random.Below(32))
                                 : random.Mutated(AnyCursor(random).ToString(), random.OneIn(2) ? "09az-+ A`{/:" : "");
    const std::optional<Cursor> cursor = Cursor::Parse(text);
    if (cursor.has_value()) {
      ASSERT_EQ(cursor->ToString(), text);
    }
  });
}

// And what it would print it takes: the grammar written out once more.
TEST(CursorProperty, TakesExactlyItsGrammar) {
  const auto naive = [](const std::string& text) {
    const std::string epoch = text.substr(0, 8);
    const std::string digits = text.size() > 9 ? text.substr(9) : "";
    return text.size() > 9 && epoch.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789") == std::string::npos &&
           text[8] == '-' && digits.find_first_not_of("0123456789") == std::string::npos &&
           (digits == "0" || digits[0] != '0') &&
           (digits.size() < 20 || (digits.size() == 20 && digits <= "18446744073709551615"));
  };
  int good = 0;
  test::ForAll(10'000, [&](Random& random) {
    const std::string text = random.Mutated(AnyCursor(random).ToString(), "0189az-`{/:");
    ASSERT_EQ(Cursor::Parse(text).has_value(), naive(text)) << text;
    good += naive(text) ? 1 : 0;
  });
  EXPECT_GT(good, 300);
}

TEST(CursorProperty, EveryEpochIsOne) {
  test::ForAll(5000, [](Random& random) {
    const Epoch epoch = Epoch::FromBits(random.Bits() >> random.Below(64));
    ASSERT_EQ(Epoch::Parse(epoch.text()), epoch);
  });
}

}  // namespace
}  // namespace weir
