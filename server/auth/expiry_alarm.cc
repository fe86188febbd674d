#include "server/auth/expiry_alarm.h"

#include <mutex>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"

namespace weir::server {

struct ExpiryAlarm::State {
  std::mutex mutex;
  std::function<void()> on_expiry ABSL_GUARDED_BY(mutex);  // called with the mutex held
};

ExpiryAlarm::ExpiryAlarm() : state_(std::make_shared<State>()) {}

ExpiryAlarm::~ExpiryAlarm() { Cancel(); }

void ExpiryAlarm::Set(const Caller& caller, std::function<void()> on_expiry) {
  if (caller.expires == absl::InfiniteFuture()) {
    return;
  }
  {
    const std::lock_guard lock(state_->mutex);
    state_->on_expiry = std::move(on_expiry);
  }
  const timespec time = absl::ToTimespec(caller.expires);
  alarm_.Set(gpr_timespec{time.tv_sec, static_cast<int32_t>(time.tv_nsec), GPR_CLOCK_REALTIME},
             [state = state_](bool over) {
               const std::lock_guard lock(state->mutex);
               if (over && state->on_expiry) {
                 state->on_expiry();
               }
             });
}

void ExpiryAlarm::Cancel() {
  const std::lock_guard lock(state_->mutex);
  state_->on_expiry = nullptr;
}

}  // namespace weir::server
