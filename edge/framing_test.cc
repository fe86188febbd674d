#include "edge/framing.h"

#include "edge/connection_counts.h"
#include "edge/event_names.h"
#include "gtest/gtest.h"

namespace weir::edge {
namespace {

TEST(BlockTest, IsOneChunkWithAnExactSize) {
  Block block;
  EXPECT_TRUE(block.empty());
  block.body() += ":\n";
  EXPECT_EQ(block.Finish(true), "2\r\n:\n\r\n");
  block.Clear();
  block.body() += std::string(16, 'x');
  EXPECT_EQ(block.Finish(true), "10\r\n" + std::string(16, 'x') + "\r\n");
  block.Clear();
  block.body() += std::string(0xabcdef, 'x');
  EXPECT_EQ(block.Finish(true).substr(0, 8), "abcdef\r\n");
  block.Clear();
  block.body() += "plain";
  EXPECT_EQ(block.Finish(false), "plain");
}

TEST(ConnectionCountsTest, CountsPerPrincipal) {
  ConnectionCounts counts;
  ConnectionCounts::Entry* const one = counts.Open("ann");
  ConnectionCounts::Entry* const two = counts.Open("ann");
  ConnectionCounts::Entry* const bob = counts.Open("bob");
  EXPECT_EQ(one, two);
  EXPECT_EQ(one->open(), 2);
  EXPECT_EQ(bob->open(), 1);
  counts.Close(one);
  EXPECT_EQ(two->open(), 1);
  counts.Close(two);
  counts.Close(bob);
  EXPECT_EQ(counts.Open("ann")->open(), 1);
}

TEST(EventNamesTest, AreBounded) {
  EventNames names;
  const uint16_t first = names.Number("a");
  EXPECT_NE(first, 0);
  EXPECT_EQ(names.Number("a"), first);
  for (int i = 0; i < 1000; ++i) {
    names.Number(std::to_string(i));
  }
  EXPECT_EQ(names.Number("one too many"), 0);
  EXPECT_EQ(names.names().size(), EventNames::kNamesMax);
  EXPECT_EQ(names.names()[first], "a");
}

}  // namespace
}  // namespace weir::edge
