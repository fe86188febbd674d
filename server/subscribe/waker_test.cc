#include "server/subscribe/waker.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <memory>

namespace weir::server {
namespace {

class TestWaiter final : public Waiter {
 public:
  void OnWake() override { woken.count_down(); }
  bool stopping() const override { return stop; }

  std::latch woken{1};
  std::atomic<bool> stop{false};
};

class WakerTest : public ::testing::Test {
 protected:
  SimulatedClock clock_;
  Waker waker_{10, clock_.clock()};
  const std::shared_ptr<TestWaiter> waiter_ = std::make_shared<TestWaiter>();
};

TEST_F(WakerTest, WakesWhenTheHeadMoves) {
  waker_.Wait(waiter_, 10, absl::InfiniteFuture());
  waker_.Notify(11);
  waiter_->woken.wait();
}

TEST_F(WakerTest, WakesAtOnceWhenTheHeadIsAhead) {
  waker_.Wait(waiter_, 9, absl::InfiniteFuture());
  waiter_->woken.wait();
}

TEST_F(WakerTest, WakesWhenTheTimeIsUp) {
  waker_.Wait(waiter_, 10, clock_.Now() + absl::Seconds(5));
  clock_.Advance(absl::Seconds(5));
  waiter_->woken.wait();
}

TEST_F(WakerTest, WakesWhatIsToStop) {
  waker_.Wait(waiter_, 10, absl::InfiniteFuture());
  waiter_->stop = true;
  waker_.Nudge();
  waiter_->woken.wait();
}

TEST_F(WakerTest, WakesWhatIsStoppingAlready) {
  waiter_->stop = true;
  waker_.Nudge();
  waker_.Wait(waiter_, 10, absl::InfiniteFuture());
  waiter_->woken.wait();
}

TEST_F(WakerTest, LeavesOthersAsleep) {
  const auto other = std::make_shared<TestWaiter>();
  waker_.Wait(other, 11, clock_.Now() + absl::Seconds(5));
  waker_.Wait(waiter_, 10, absl::InfiniteFuture());
  waker_.Notify(11);
  waiter_->woken.wait();
  EXPECT_FALSE(other->woken.try_wait());
}

}  // namespace
}  // namespace weir::server
