#include "load/chunk_reader.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::load {
namespace {

TEST(ChunkReaderTest, FindsTheBodyHoweverTheBytesAreCut) {
  const std::string bytes = "5\r\nid: 1\r\n1A;name=\"a5\"\r\n\n\r\n45678901234567890123456\r\n1\r\n\n\r\n0\r\n\r\n";
  for (size_t step = 1; step <= bytes.size(); ++step) {
    ChunkReader reader;
    std::string body;
    for (size_t at = 0; at < bytes.size(); at += step) {
      reader.Feed(std::string_view(bytes).substr(at, step), [&](std::string_view piece) { body += piece; });
    }
    EXPECT_EQ(body, "id: 1\n\r\n45678901234567890123456\n") << step;
  }
}

}  // namespace
}  // namespace weir::load
