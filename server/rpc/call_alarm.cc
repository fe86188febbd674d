#include "server/rpc/call_alarm.h"

#include <spdlog/spdlog.h>

#include <mutex>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/time/clock.h"
#include "server/rpc/call_list.h"

namespace weir::server {

struct CallAlarm::State {
  std::mutex mutex;
  bool set ABSL_GUARDED_BY(mutex) = false;                         // or never to be
  std::function<void()> on_time ABSL_GUARDED_BY(mutex) = nullptr;  // called with the mutex held
};

CallAlarm::CallAlarm() : state_(std::make_shared<State>()) {}

CallAlarm::~CallAlarm() { Cancel(); }

void CallAlarm::Set(absl::Time time, std::function<void()> on_time) {
  if (time == absl::InfiniteFuture()) {
    return;
  }
  {
    const std::lock_guard lock(state_->mutex);
    if (std::exchange(state_->set, true)) {
      return;
    }
    state_->on_time = std::move(on_time);
  }
  const timespec due = absl::ToTimespec(time);
  alarm_.Set(gpr_timespec{due.tv_sec, static_cast<int32_t>(due.tv_nsec), GPR_CLOCK_REALTIME},
             [state = state_](bool over) {
               const std::lock_guard lock(state->mutex);
               if (over && state->on_time) {
                 state->on_time();
               }
             });
}

void CallAlarm::Cancel() {
  const std::lock_guard lock(state_->mutex);
  state_->set = true;
  state_->on_time = nullptr;
}

void CutUnlessDone(CallAlarm& alarm, grpc::CallbackServerContext& call, std::string stream) {
  alarm.Set(absl::Now() + kStreamEndGrace, [&call, stream = std::move(stream)] {
    spdlog::warn("{} is cut: it was told to end, and has not within {}", stream, absl::FormatDuration(kStreamEndGrace));
    call.TryCancel();
  });
}

}  // namespace weir::server
