// Calls back when a caller's token is over, on one of gRPC's threads.
#ifndef WEIR_SERVER_AUTH_EXPIRY_ALARM_H_
#define WEIR_SERVER_AUTH_EXPIRY_ALARM_H_

#include <grpcpp/alarm.h>

#include <functional>
#include <memory>

#include "server/auth/access_policy.h"

namespace weir::server {

// One thread at a time.
class ExpiryAlarm {
 public:
  ExpiryAlarm();
  ~ExpiryAlarm();
  ExpiryAlarm(const ExpiryAlarm&) = delete;
  ExpiryAlarm& operator=(const ExpiryAlarm&) = delete;

  // Once. `on_expiry` may come before it returns.
  void Set(const Caller& caller, std::function<void()> on_expiry);
  // From when this returns `on_expiry` is not under way and does not come: gRPC forgets a call that is done, and does
  // not wait for alarms. Not from `on_expiry`.
  void Cancel();

 private:
  struct State;

  const std::shared_ptr<State> state_;  // the callback's, too
  grpc::Alarm alarm_;
};

}  // namespace weir::server

#endif  // WEIR_SERVER_AUTH_EXPIRY_ALARM_H_
