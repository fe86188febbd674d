#include "server/subscribe/live_tail.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "log/log_testing.h"
#include "log/memory_engine.h"

namespace weir::server {
namespace {

class LiveTailTest : public ::testing::Test {
 protected:
  void Make(size_t bytes_max) {
    tail_ = std::make_unique<LiveTail>(bytes_max, 0);
    log_->SetObserver([this](std::span<const log::ChunkPtr> chunks) { tail_->Append(chunks); });
  }
  void Append(size_t count) {
    const log::TestBatch batch = log::Numbered("a.b", "e" + std::to_string(log_->bounds().head) + "-", count);
    ASSERT_TRUE(log_->Append(batch.events()).ok());
  }

  std::unique_ptr<log::LogEngine> log_ = log::MakeMemoryLog({});
  std::unique_ptr<LiveTail> tail_;
};

TEST_F(LiveTailTest, AReaderAtTheHeadIsInsideAnEmptyWindow) {
  const LiveTail tail(1 << 20, 41);
  EXPECT_TRUE(tail.After(41, 10).inside);
  EXPECT_TRUE(tail.After(41, 10).chunks.empty());
  EXPECT_TRUE(tail.After(50, 10).inside);  // the engine's head may be a moment ahead
  EXPECT_FALSE(tail.After(40, 10).inside);
}

TEST_F(LiveTailTest, GivesWhatFollowsACursor) {
  Make(1 << 20);
  Append(40);
  const LiveTail::View all = tail_->After(0, 100);
  ASSERT_TRUE(all.inside);
  EXPECT_EQ(all.chunks.front()->first_sequence(), 1u);
  EXPECT_EQ(all.chunks.back()->last_sequence(), 40u);
  EXPECT_EQ(all.head, 40u);
  const LiveTail::View middle = tail_->After(20, 1);
  ASSERT_EQ(middle.chunks.size(), 1u);
  EXPECT_LE(middle.chunks[0]->first_sequence(), 21u);
  EXPECT_GE(middle.chunks[0]->last_sequence(), 21u);
  EXPECT_EQ(tail_->After(20, 12).chunks.size(), 1u);  // 21 to 32 lie in one
  EXPECT_EQ(tail_->After(20, 13).chunks.size(), 2u);
  EXPECT_TRUE(tail_->After(40, 100).chunks.empty());
}

TEST_F(LiveTailTest, DropsTheOldestAboveItsBound) {
  Make(8'000);
  for (int i = 0; i < 50; ++i) {
    Append(16);
    EXPECT_LE(tail_->bytes(), 8'000u);
  }
  EXPECT_FALSE(tail_->After(0, 10).inside);
  EXPECT_TRUE(tail_->After(tail_->head() - 1, 10).inside);
  EXPECT_EQ(tail_->head(), 800u);
}

TEST_F(LiveTailTest, KeepsTheNewestChunkWhateverItsSize) {
  Make(1);
  Append(1);
  const LiveTail::View view = tail_->After(0, 10);
  ASSERT_TRUE(view.inside);
  EXPECT_EQ(view.chunks.size(), 1u);
}

}  // namespace
}  // namespace weir::server
