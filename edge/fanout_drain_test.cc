#include <memory>
#include <set>

#include "edge/fanout_hub.h"
#include "edge/testing/hub_harness.h"
#include "gtest/gtest.h"

namespace weir::edge {
namespace {

class FanoutDrainTest : public testing::Test, public HubHarness {};

TEST_F(FanoutDrainTest, DrainClosesStreamsOverItsWindow) {
  log.Fill(tail, 0);
  Spin();
  std::vector<std::unique_ptr<TestReader>> readers;
  for (int i = 0; i < 10; ++i) {
    readers.push_back(OpenAndStart(Request({"a"})));
  }
  bool done = false;
  hub.Drain(absl::Seconds(10), absl::Seconds(5), [&] { done = true; });
  Advance(absl::Seconds(4));
  EXPECT_EQ(hub.open_streams(), 5);
  EXPECT_FALSE(done);
  Advance(absl::Seconds(6));
  EXPECT_EQ(hub.open_streams(), 0);
  EXPECT_TRUE(done);
  std::set<std::string> retries;
  for (const auto& reader : readers) {
    ASSERT_TRUE(Until(*reader, [&] { return reader->ended(); }));
    EXPECT_TRUE(reader->ended_cleanly());
    EXPECT_EQ(reader->blocks().back().event, "weir.draining");
    EXPECT_LE(std::stoi(reader->blocks().back().retry), 5000);
    retries.insert(reader->blocks().back().retry);
  }
  EXPECT_GT(retries.size(), 5);
  const auto late = Open(Request({"a"}));
  ASSERT_TRUE(Until(*late, [&] { return late->ended(); }));
  EXPECT_EQ(late->blocks().size(), 2);
}

TEST_F(FanoutDrainTest, DrainWithoutStreamsIsDoneAtOnce) {
  bool done = false;
  hub.Drain(absl::Seconds(10), absl::Seconds(5), [&] { done = true; });
  Spin();
  EXPECT_TRUE(done);
}

TEST_F(FanoutDrainTest, AStreamDoesNotOutliveItsTokenMeanwhile) {
  log.Fill(tail, 0);
  Spin();
  std::vector<std::unique_ptr<TestReader>> readers;
  for (int i = 0; i < 10; ++i) {
    StreamRequest request = Request({"a"});
    request.reader.expires = now + absl::Seconds(1);
    readers.push_back(OpenAndStart(std::move(request)));
  }
  hub.Drain(absl::Minutes(10), absl::Seconds(5), [] {});
  Advance(absl::Seconds(1));
  EXPECT_EQ(hub.open_streams(), 0);
}

}  // namespace
}  // namespace weir::edge
