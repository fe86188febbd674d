#include "load/answer_head.h"

#include <gtest/gtest.h>

#include <string>

#include "base/text.h"

namespace weir::load {
namespace {

constexpr std::string_view kHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";

TEST(AnswerHeadTest, FindsTheStreamHoweverTheBytesAreCut) {
  const std::string bytes = std::string(kHead) + "\r\nid: 1\n\r\n\r\n";
  for (size_t step = 1; step <= bytes.size(); ++step) {
    AnswerHead head;
    std::string stream;
    bool begun = false;
    for (size_t at = 0; at < bytes.size(); at += step) {
      const std::string_view piece = std::string_view(bytes).substr(at, step);
      if (begun) {
        stream += piece;
        continue;
      }
      const auto rest = head.Take(piece);
      ASSERT_TRUE(rest.ok()) << step << ": " << rest.status();
      begun = rest->has_value();
      stream += rest->value_or("");
    }
    EXPECT_EQ(stream, "id: 1\n\r\n\r\n") << step;
    EXPECT_FALSE(head.chunked());
  }
}

TEST(AnswerHeadTest, SeesChunksInAnyCase) {
  AnswerHead head;
  ASSERT_TRUE(head.Take(std::string(kHead) + "TRANSFER-encoding: Chunked\r\n\r\n").ok());
  EXPECT_TRUE(head.chunked());
}

TEST(AnswerHeadTest, SaysWhyNoStreamFollows) {
  const auto why = [](std::string_view bytes) { return std::string(Message(AnswerHead().Take(bytes).status())); };
  EXPECT_EQ(why("HTTP/1.1 404 Not Found\r\nContent-Type: text/event-stream\r\n\r\n"), "HTTP/1.1 404 Not Found");
  EXPECT_EQ(why("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>"), "the answer is no text/event-stream");
  EXPECT_EQ(why(std::string(AnswerHead::kBytesMax + 1, 'x')), "the answer's head does not end");
}

}  // namespace
}  // namespace weir::load
