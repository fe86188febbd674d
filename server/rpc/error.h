// Why the server refuses a call or an event, and how that is written: a canonical code with a google.rpc.ErrorInfo of
// domain `weir`. Free of gRPC: rpc/grpc_status.h makes a call's status of it. Any thread.
#ifndef WEIR_SERVER_RPC_ERROR_H_
#define WEIR_SERVER_RPC_ERROR_H_

#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "google/rpc/status.pb.h"
#include "weir/v1/error_reason.pb.h"

namespace weir::server {

// One refusal. The reason decides the canonical code.
struct Fault {
  v1::ErrorReason reason = v1::ERROR_REASON_UNSPECIFIED;
  // A sentence for people: what is wrong, and what is allowed. Input in it must be Quotable.
  std::string message;
  // Metadata of ErrorInfo; empty members are left out. `value` may be raw input: it is cut and escaped when written.
  std::string field = {};
  std::string value = {};
  std::string limit = {};
  // More than zero: a RetryInfo is added.
  absl::Duration retry_after = absl::ZeroDuration();
};

// A value, or why there is none.
template <typename T>
class FaultOr {
 public:
  FaultOr(T value) : held_(std::move(value)) {}      // NOLINT: returned as either
  FaultOr(Fault fault) : held_(std::move(fault)) {}  // NOLINT

  bool ok() const { return held_.index() == 0; }
  const Fault& fault() const { return std::get<1>(held_); }
  T& operator*() & { return std::get<0>(held_); }
  T&& operator*() && { return std::get<0>(std::move(held_)); }
  const T& operator*() const& { return std::get<0>(held_); }
  T* operator->() { return &std::get<0>(held_); }
  const T* operator->() const { return &std::get<0>(held_); }

 private:
  std::variant<T, Fault> held_;
};

// Why the server ends a stream that did nothing wrong.
enum class StreamEnd {
  kDraining,       // the server is shutting down
  kTokenExpired,   // the token that it was opened with is over
  kTokenRevoked,   // that token was taken back
  kAccessChanged,  // it was opened under other rules of access
};
Fault FaultOf(StreamEnd end);

// FIELD_INVALID for one field.
Fault FieldFault(std::string_view field, std::string_view value, std::string_view limit);

// The canonical code that goes with a reason.
absl::StatusCode CodeOf(v1::ErrorReason reason);

// `TOPIC_INVALID`: the enum's name without its prefix.
std::string_view NameOf(v1::ErrorReason reason);

// The fault as a google.rpc.Status with ErrorInfo, and RetryInfo where it has one.
google::rpc::Status ToRpcStatus(const Fault& fault);

}  // namespace weir::server

#endif  // WEIR_SERVER_RPC_ERROR_H_
