#include "server/rpc/call_alarm.h"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

namespace weir::server {
namespace {

TEST(CallAlarm, ComesWhenItIsTime) {
  const absl::Time end = absl::Now() + absl::Milliseconds(20);
  absl::Notification came;
  CallAlarm alarm;
  alarm.Set(end, [&came] { came.Notify(); });
  ASSERT_TRUE(came.WaitForNotificationWithTimeout(absl::Seconds(30)));
  EXPECT_GE(absl::Now(), end);
}

// A call that is done cancels it, and then what the callback would touch may be gone.
TEST(CallAlarm, IsNotUnderWayWhenCancelReturns) {
  absl::Notification entered;
  absl::Notification cancelled;
  std::atomic<bool> left = false;
  CallAlarm alarm;
  alarm.Set(absl::UnixEpoch(), [&] {
    entered.Notify();
    cancelled.WaitForNotificationWithTimeout(absl::Milliseconds(100));  // it comes only if Cancel does not wait
    left = true;
  });
  ASSERT_TRUE(entered.WaitForNotificationWithTimeout(absl::Seconds(30)));
  alarm.Cancel();
  const bool had_left = left;
  cancelled.Notify();
  EXPECT_TRUE(had_left);
}

TEST(CallAlarm, DoesNotComeAfterCancelNorForATimeWithoutEnd) {
  std::atomic<bool> over = false;
  std::atomic<int> came = 0;  // when it was over
  const auto count = [&] { came += over ? 1 : 0; };
  absl::Notification later;
  {
    CallAlarm cancelled;
    CallAlarm endless;
    const absl::Time soon = absl::Now() + absl::Milliseconds(50);
    cancelled.Set(soon, count);
    endless.Set(absl::InfiniteFuture(), [&came] { ++came; });
    std::optional<CallAlarm> gone;
    gone.emplace();
    gone->Set(soon, count);
    gone.reset();
    cancelled.Cancel();
    over = true;
    CallAlarm last;
    last.Set(soon + absl::Milliseconds(50), [&later] { later.Notify(); });
    ASSERT_TRUE(later.WaitForNotificationWithTimeout(absl::Seconds(30)));
  }
  EXPECT_EQ(came, 0);
}

TEST(CallAlarm, IsSetOnceAndNotAfterCancel) {
  std::atomic<int> came = 0;
  CallAlarm cancelled;
  cancelled.Cancel();
  cancelled.Set(absl::UnixEpoch(), [&came] { ++came; });
  absl::Notification first;
  CallAlarm alarm;
  alarm.Set(absl::Now() + absl::Milliseconds(20), [&first] { first.Notify(); });
  alarm.Set(absl::UnixEpoch(), [&came] { ++came; });
  ASSERT_TRUE(first.WaitForNotificationWithTimeout(absl::Seconds(30)));
  EXPECT_EQ(came, 0);
}

}  // namespace
}  // namespace weir::server
