// Calls back when a caller's token is over. One thread; the callback comes on one of gRPC's.
#ifndef WEIR_SERVER_AUTH_EXPIRY_ALARM_H_
#define WEIR_SERVER_AUTH_EXPIRY_ALARM_H_

#include <grpcpp/alarm.h>

#include <functional>
#include <memory>

#include "server/auth/access_policy.h"

namespace weir::server {

// The callback comes not after this is destroyed, unless it is under way.
class ExpiryAlarm {
 public:
  // `on_expiry` holds no strong reference to what holds this.
  void Set(const Caller& caller, std::function<void()> on_expiry);

 private:
  std::unique_ptr<grpc::Alarm> alarm_;  // of a token that is over some time
};

}  // namespace weir::server

#endif  // WEIR_SERVER_AUTH_EXPIRY_ALARM_H_
