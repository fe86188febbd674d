#include "base/cursor.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <string>

namespace weir {
namespace {

TEST(Cursor, IsWrittenAndReadBack) {
  std::mt19937_64 random(5);
  for (int i = 0; i < 1000; ++i) {
    const Cursor cursor{Epoch::FromBits(random()), random() >> (i % 64)};
    const std::string text = cursor.ToString();
    EXPECT_LE(text.size(), Cursor::kTextBytesMax);
    EXPECT_EQ(Cursor::Parse(text), cursor) << text;
  }
}

TEST(Cursor, HasTheFormThatIsPromised) {
  const Epoch epoch = *Epoch::Parse("k3x9q0ab");
  EXPECT_EQ((Cursor{epoch, 0}).ToString(), "k3x9q0ab-0");
  EXPECT_EQ((Cursor{epoch, 1842}).ToString(), "k3x9q0ab-1842");
  const Cursor last{epoch, std::numeric_limits<uint64_t>::max()};
  EXPECT_EQ(last.ToString(), "k3x9q0ab-18446744073709551615");
  EXPECT_EQ(last.ToString().size(), Cursor::kTextBytesMax);
  EXPECT_EQ(Cursor::Parse(last.ToString()), last);
}

TEST(Cursor, RefusesWhatItWouldNotWrite) {
  for (const std::string_view text : {"",
                                      "-",
                                      "k3x9q0ab",
                                      "k3x9q0ab-",
                                      "-1",
                                      "k3x9q0a-1",
                                      "k3x9q0abc-1",
                                      "K3x9q0ab-1",
                                      "k3x9q0a_-1",
                                      "k3x9q0ab_1",
                                      "k3x9q0ab-01",
                                      "k3x9q0ab-00",
                                      "k3x9q0ab-+1",
                                      "k3x9q0ab--1",
                                      "k3x9q0ab- 1",
                                      "k3x9q0ab-1 ",
                                      " k3x9q0ab-1",
                                      "k3x9q0ab-1\n",
                                      "k3x9q0ab-1x",
                                      "k3x9q0ab-0x1",
                                      "k3x9q0ab-1.0",
                                      "k3x9q0ab-18446744073709551616",
                                      "k3x9q0ab-99999999999999999999",
                                      "k3x9q0ab-100000000000000000000",
                                      "k3x9q0a\xc3\xa9-1"}) {
    EXPECT_EQ(Cursor::Parse(text), std::nullopt) << text;
  }
  EXPECT_EQ(Cursor::Parse(std::string_view("k3x9q0ab-1\0", 11)), std::nullopt);
}

TEST(Epoch, IsMadeOfAnyBits) {
  for (const uint64_t bits : {uint64_t{0}, uint64_t{1}, std::numeric_limits<uint64_t>::max()}) {
    const Epoch epoch = Epoch::FromBits(bits);
    EXPECT_EQ(Epoch::Parse(epoch.text()), epoch);
  }
  EXPECT_NE(Epoch::FromBits(1), Epoch::FromBits(2));
}

}  // namespace
}  // namespace weir
