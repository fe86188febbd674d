#include "edge/websocket/frames.h"

#include "edge/testing/client_frame.h"
#include "gtest/gtest.h"

namespace weir::edge {
namespace {

std::string Framed(Opcode opcode, std::string_view payload) {
  std::string out;
  AppendFrame(opcode, payload, out);
  return out;
}

TEST(Frames, WriteTheLengthInTheShortestWay) {
  EXPECT_EQ(Framed(Opcode::kPing, ""), std::string("\x89\x00", 2));
  EXPECT_EQ(Framed(Opcode::kText, "hi"), "\x81\x02hi");
  EXPECT_EQ(Framed(Opcode::kText, std::string(125, 'x')).substr(0, 3), "\x81\x7Dx");
  EXPECT_EQ(Framed(Opcode::kText, std::string(126, 'x')).substr(0, 5), std::string("\x81\x7E\x00\x7Ex", 5));
  EXPECT_EQ(Framed(Opcode::kText, std::string(65535, 'x')).substr(0, 5), std::string("\x81\x7E\xFF\xFFx", 5));
  EXPECT_EQ(Framed(Opcode::kText, std::string(65536, 'x')).substr(0, 11),
            std::string("\x81\x7F\x00\x00\x00\x00\x00\x01\x00\x00x", 11));
}

TEST(Frames, MakeATextOfWhatStandsThere) {
  for (const size_t size : {0, 1, 125, 126, 70000}) {
    std::string out = "before";
    out.append(size, 'x');
    FrameAsText(6, out);
    EXPECT_EQ(out, "before" + Framed(Opcode::kText, std::string(size, 'x')));
  }
}

TEST(Frames, CloseWithACodeAndAReasonThatFits) {
  std::string out;
  AppendClose(0, "dropped", out);
  EXPECT_EQ(out, std::string("\x88\x00", 2));
  out.clear();
  AppendClose(4401, "TOKEN_INVALID", out);
  EXPECT_EQ(out, "\x88\x0F\x11\x31TOKEN_INVALID");
  out.clear();
  AppendClose(1002, std::string(122, 'a') + "\xC3\xA9", out);  // 124 bytes: the character does not fit
  const std::vector<ServerFrame> frames = ServerFrames(out);
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].code(), 1002);
  EXPECT_EQ(frames[0].payload.substr(2), std::string(122, 'a'));
}

}  // namespace
}  // namespace weir::edge
