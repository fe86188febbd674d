// Calls back at some time while a call lasts, on one of gRPC's threads.
#ifndef WEIR_SERVER_RPC_CALL_ALARM_H_
#define WEIR_SERVER_RPC_CALL_ALARM_H_

#include <grpcpp/alarm.h>
#include <grpcpp/server_context.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/time/time.h"

namespace weir::server {

// Any thread.
class CallAlarm {
 public:
  CallAlarm();
  ~CallAlarm();
  CallAlarm(const CallAlarm&) = delete;
  CallAlarm& operator=(const CallAlarm&) = delete;

  // The first time counts: not what is set later, nor after Cancel. `on_time` may come before it returns, and never for
  // InfiniteFuture.
  void Set(absl::Time time, std::function<void()> on_time);
  // From when this returns `on_time` is not under way and does not come: gRPC forgets a call that is done, and does
  // not wait for alarms. Not from `on_time`.
  void Cancel();

 private:
  struct State;

  const std::shared_ptr<State> state_;  // the callback's, too
  grpc::Alarm alarm_;
};

// Cuts a stream that was told to end, unless it is done within kStreamEndGrace (call_list.h), when it cancels the
// alarm. The log says so of `stream`.
void CutUnlessDone(CallAlarm& alarm, grpc::CallbackServerContext& call, std::string stream);

}  // namespace weir::server

#endif  // WEIR_SERVER_RPC_CALL_ALARM_H_
