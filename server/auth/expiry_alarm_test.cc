#include "server/auth/expiry_alarm.h"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

namespace weir::server {
namespace {

Caller CallerUntil(absl::Time time) { return {.expires = time}; }

TEST(ExpiryAlarm, ComesWhenTheTokenIsOver) {
  const absl::Time end = absl::Now() + absl::Milliseconds(20);
  absl::Notification came;
  ExpiryAlarm alarm;
  alarm.Set(CallerUntil(end), [&came] { came.Notify(); });
  ASSERT_TRUE(came.WaitForNotificationWithTimeout(absl::Seconds(30)));
  EXPECT_GE(absl::Now(), end);
}

// A call that is done cancels it, and then what the callback would touch may be gone.
TEST(ExpiryAlarm, IsNotUnderWayWhenCancelReturns) {
  absl::Notification entered;
  absl::Notification cancelled;
  std::atomic<bool> left = false;
  ExpiryAlarm alarm;
  alarm.Set(CallerUntil(absl::UnixEpoch()), [&] {
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

TEST(ExpiryAlarm, DoesNotComeAfterCancelNorForATokenWithoutEnd) {
  std::atomic<bool> over = false;
  std::atomic<int> came = 0;  // when it was over
  const auto count = [&] { came += over ? 1 : 0; };
  absl::Notification later;
  {
    ExpiryAlarm cancelled;
    ExpiryAlarm endless;
    const absl::Time soon = absl::Now() + absl::Milliseconds(50);
    cancelled.Set(CallerUntil(soon), count);
    endless.Set(CallerUntil(absl::InfiniteFuture()), [&came] { ++came; });
    std::optional<ExpiryAlarm> gone;
    gone.emplace();
    gone->Set(CallerUntil(soon), count);
    gone.reset();
    cancelled.Cancel();
    over = true;
    ExpiryAlarm last;
    last.Set(CallerUntil(soon + absl::Milliseconds(50)), [&later] { later.Notify(); });
    ASSERT_TRUE(later.WaitForNotificationWithTimeout(absl::Seconds(30)));
  }
  EXPECT_EQ(came, 0);
}

}  // namespace
}  // namespace weir::server
