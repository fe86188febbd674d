#include "edge/render/frame.h"

#include <gtest/gtest.h>

namespace weir::edge {
namespace {

TEST(EventNameTest, IsShortPlainAndNotReserved) {
  for (const std::string& name :
       {std::string("a"), std::string("goal.created"), std::string("A-Z_9"), std::string(64, 'a')}) {
    EXPECT_TRUE(IsEventName(name)) << name;
  }
  for (const std::string& name : {std::string(), std::string("open"), std::string("error"), std::string("a b"),
                                  std::string("a\n"), std::string("\0", 1), std::string("é"), std::string(65, 'a')}) {
    EXPECT_FALSE(IsEventName(name)) << name;
  }
}

TEST(EventIdTest, IsVisibleAscii) {
  EXPECT_TRUE(IsEventId("abcdefgh-17"));
  EXPECT_TRUE(IsEventId(std::string(128, '~')));
  for (const std::string& id : {std::string(), std::string("a b"), std::string("a\r"), std::string("\x7f"),
                                std::string("é"), std::string(129, 'a')}) {
    EXPECT_FALSE(IsEventId(id)) << id;
  }
}

TEST(ControlFrameTest, WritesNameIdRetryAndData) {
  std::string out;
  AppendControlFrame("connected", "abcdefgh-17", R"({"a":1})", 2000, out);
  EXPECT_EQ(out, "event: connected\nid: abcdefgh-17\nretry: 2000\ndata: {\"a\":1}\n\n");
  out.clear();
  AppendControlFrame("weir.gap", "", "{}", -1, out);
  EXPECT_EQ(out, "event: weir.gap\ndata: {}\n\n");
}

TEST(ControlFrameTest, WritesTheSameAsAMessage) {
  std::string out;
  AppendControlMessage("connected", "abcdefgh-17", R"({"a":1})", 2000, out);
  EXPECT_EQ(out,
            "\x81\x44"
            R"({"event":"connected","id":"abcdefgh-17","data":{"a":1},"retry":2000})");
  out.clear();
  AppendControlMessage("weir.gap", "", "{}", -1, out);
  EXPECT_EQ(out,
            "\x81\x1E"
            R"({"event":"weir.gap","data":{}})");
}

TEST(ControlFrameTest, NeverLetsAnythingBeginALineOfItsOwn) {
  std::string out;
  AppendControlFrame("a\nb", "c\rd", "e\nf\r\n\ng", 0, out);
  EXPECT_EQ(out, "retry: 0\ndata: e\ndata: f\ndata: \ndata: \ndata: g\n\n");
  out.clear();
  AppendControlFrame("error", "", "", -1, out);
  EXPECT_EQ(out, "data: \n\n");
}

}  // namespace
}  // namespace weir::edge
