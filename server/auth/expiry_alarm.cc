#include "server/auth/expiry_alarm.h"

#include <utility>

#include "absl/time/time.h"

namespace weir::server {

void ExpiryAlarm::Set(const Caller& caller, std::function<void()> on_expiry) {
  if (caller.expires == absl::InfiniteFuture()) {
    return;
  }
  const timespec time = absl::ToTimespec(caller.expires);
  alarm_ = std::make_unique<grpc::Alarm>();
  alarm_->Set(gpr_timespec{time.tv_sec, static_cast<int32_t>(time.tv_nsec), GPR_CLOCK_REALTIME},
              [on_expiry = std::move(on_expiry)](bool over) {
                if (over) {
                  on_expiry();
                }
              });
}

}  // namespace weir::server
