#include <gtest/gtest.h>

#include <string>

#include "edge/framing.h"
#include "tests/support/property.h"
#include "tests/support/sse_parser.h"

namespace weir::edge {
namespace {

using test::Random;

// Whatever lies in a block, also what looks like framing, comes out as it went in.
TEST(FramingProperty, ABodyComesOutOfItsChunks) {
  test::ForAll(150, [](Random& random) {
    Block block;
    std::string wire;
    std::string plain;
    std::string expected;
    for (size_t blocks = random.Below(5); blocks > 0; --blocks) {
      const size_t bytes = random.OneIn(10) ? random.Below(100'000) : random.Below(300);
      const std::string body = random.OneIn(2) ? random.Text("\r\n0aF", 1 + bytes) : random.Bytes(1 + bytes);
      const size_t cut = random.Below(body.size());
      block.Clear();
      ASSERT_TRUE(block.empty());
      block.body() += body.substr(0, cut);
      block.body() += body.substr(cut);
      ASSERT_EQ(block.body_size(), body.size());
      expected += body;
      const std::string_view chunk = block.Finish(true);
      wire += chunk;
      block.Clear();
      block.body() += body;
      plain += block.Finish(false);
    }
    bool ended = false;
    ASSERT_EQ(test::Unchunked(wire, &ended), expected);
    ASSERT_FALSE(ended);
    ASSERT_EQ(test::Unchunked(wire.append(kLastChunk), &ended), expected);
    ASSERT_TRUE(ended);
    ASSERT_EQ(plain, expected);
  });
}

}  // namespace
}  // namespace weir::edge
