#include "base/text.h"

#include <gtest/gtest.h>

#include <string>

namespace weir {
namespace {

TEST(Quotable, KeepsPlainText) {
  EXPECT_EQ(Quotable(""), "");
  EXPECT_EQ(Quotable("a b~{jwt.sub}"), "a b~{jwt.sub}");
}

TEST(Quotable, EscapesWhatCouldBreakOutOfAMessage) {
  EXPECT_EQ(Quotable("a\"b\\c"), "a\\\"b\\\\c");
  EXPECT_EQ(Quotable("a\nb\rc\td"), "a\\nb\\rc\\x09d");
  EXPECT_EQ(Quotable(std::string_view("\0\x1b\x7f", 3)), "\\x00\\x1b\\x7f");
  EXPECT_EQ(Quotable("\xc3\xa9\xff"), "\\xc3\\xa9\\xff");
}

TEST(Quotable, CutsLongText) {
  EXPECT_EQ(Quotable("abcd", 4), "abcd");
  EXPECT_EQ(Quotable("abcde", 4), "abcd…");
  EXPECT_EQ(Quotable(std::string(81, 'x')), std::string(80, 'x') + "…");
}

TEST(TextMap, IsSearchedWithoutMakingAString) {
  TextMap<int> map;
  map["one"] = 1;
  EXPECT_EQ(map.find(std::string_view("one"))->second, 1);
  EXPECT_FALSE(map.contains(std::string_view("two")));
}

TEST(Message, IsAStatusText) { EXPECT_EQ(Message(absl::InvalidArgumentError("why")), "why"); }

}  // namespace
}  // namespace weir
