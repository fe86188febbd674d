#include "edge/connection_counts.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace weir::edge {
namespace {

TEST(ConnectionCountsTest, CountsByName) {
  ConnectionCounts counts;
  ConnectionCounts::Entry* const ann = counts.Open("ann");
  EXPECT_EQ(counts.Open("ann"), ann);
  EXPECT_EQ(ann->open(), 2);
  EXPECT_EQ(counts.open("bob"), 0);
  counts.Close(ann);
  counts.Close(ann);
  EXPECT_EQ(counts.open("ann"), 0);
}

TEST(ConnectionCountsTest, RefusesWhatIsNewAndKeepsWhatIsOpen) {
  ConnectionCounts counts;
  const ConnectionCounts::Held one(counts.OpenUpTo("ann", 2));
  {
    const ConnectionCounts::Held two(counts.OpenUpTo("ann", 2));
    EXPECT_TRUE(two);
    EXPECT_FALSE(ConnectionCounts::Held(counts.OpenUpTo("ann", 2)));
    EXPECT_TRUE(ConnectionCounts::Held(counts.OpenUpTo("bob", 2)));
    EXPECT_EQ(counts.open("ann"), 2);
  }
  EXPECT_TRUE(ConnectionCounts::Held(counts.OpenUpTo("ann", 2)));
  EXPECT_EQ(counts.open("ann"), 1);
  EXPECT_FALSE(ConnectionCounts::Held(counts.OpenUpTo("eve", 0)));
}

TEST(ConnectionCountsTest, AHeldConnectionIsCountedOncePerHolder) {
  ConnectionCounts counts;
  ConnectionCounts::Held one(counts.Open("ann"));
  ConnectionCounts::Held moved = std::move(one);
  EXPECT_EQ(counts.open("ann"), 1);
  ConnectionCounts::Held copied = moved;
  EXPECT_EQ(counts.open("ann"), 2);
  moved = ConnectionCounts::Held();
  EXPECT_EQ(counts.open("ann"), 1);
  copied = ConnectionCounts::Held();
  EXPECT_EQ(counts.open("ann"), 0);
}

TEST(ConnectionCountsTest, HoldsTheLimitBetweenThreads) {
  ConnectionCounts counts;
  std::vector<ConnectionCounts::Held> held[4];
  std::vector<std::thread> threads;
  for (auto& mine : held) {
    threads.emplace_back([&counts, &mine] {
      for (int i = 0; i < 1000; ++i) {
        if (ConnectionCounts::Held got(counts.OpenUpTo("ann", 50)); got && mine.size() < 50) {
          mine.push_back(std::move(got));
        }
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(counts.open("ann"), 50);
}

}  // namespace
}  // namespace weir::edge
