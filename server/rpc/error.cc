#include "server/rpc/error.h"

#include <fmt/format.h>

#include "base/text.h"
#include "google/rpc/error_details.pb.h"

namespace weir::server {
namespace {

constexpr size_t kValueBytesMax = 256;

}  // namespace

Fault FaultOf(StreamEnd end) {
  switch (end) {
    case StreamEnd::kTokenExpired:
      return {.reason = v1::ERROR_REASON_CREDENTIALS_EXPIRED,
              .message = "the token is over; come back with a fresh one"};
    case StreamEnd::kTokenRevoked:
      return {.reason = v1::ERROR_REASON_CREDENTIALS_REVOKED, .message = "the token has been revoked"};
    case StreamEnd::kAccessChanged:
      return {.reason = v1::ERROR_REASON_DRAINING,
              .message = "the rules of access have changed; open the stream again"};
    default:
      return {.reason = v1::ERROR_REASON_DRAINING, .message = "the server is shutting down"};
  }
}

Fault FieldFault(std::string_view field, std::string_view value, std::string_view limit) {
  return {.reason = v1::ERROR_REASON_FIELD_INVALID,
          .message = fmt::format("{} is {}; allowed is {}", field, Quotable(value), limit),
          .field = std::string(field),
          .value = std::string(value.substr(0, kValueBytesMax)),
          .limit = std::string(limit)};
}

absl::StatusCode CodeOf(v1::ErrorReason reason) {
  switch (reason) {
    case v1::ERROR_REASON_TOPIC_INVALID:
    case v1::ERROR_REASON_FILTER_INVALID:
    case v1::ERROR_REASON_EVENT_ID_INVALID:
    case v1::ERROR_REASON_ATTRIBUTE_INVALID:
    case v1::ERROR_REASON_TYPE_UNKNOWN:
    case v1::ERROR_REASON_TYPE_NOT_PUBLISHABLE:
    case v1::ERROR_REASON_TYPE_NOT_ALLOWED_ON_TOPIC:
    case v1::ERROR_REASON_PAYLOAD_INVALID:
    case v1::ERROR_REASON_EVENT_TOO_LARGE:
    case v1::ERROR_REASON_BATCH_TOO_LARGE:
    case v1::ERROR_REASON_CURSOR_INVALID:
    case v1::ERROR_REASON_PAGE_TOKEN_INVALID:
    case v1::ERROR_REASON_FIELD_INVALID:
      return absl::StatusCode::kInvalidArgument;
    case v1::ERROR_REASON_EVENT_ID_REUSED:
      return absl::StatusCode::kAlreadyExists;
    case v1::ERROR_REASON_CURSOR_EXPIRED:
    case v1::ERROR_REASON_CURSOR_OTHER_EPOCH:
    case v1::ERROR_REASON_CURSOR_BEYOND_HEAD:
      return absl::StatusCode::kOutOfRange;
    case v1::ERROR_REASON_QUEUE_FULL:
    case v1::ERROR_REASON_STORAGE_FULL:
    case v1::ERROR_REASON_TOO_MANY_SUBSCRIPTIONS:
    case v1::ERROR_REASON_TOO_MANY_STREAMS:
    case v1::ERROR_REASON_BACKUP_UNDER_WAY:
      return absl::StatusCode::kResourceExhausted;
    case v1::ERROR_REASON_CREDENTIALS_MISSING:
    case v1::ERROR_REASON_CREDENTIALS_INVALID:
    case v1::ERROR_REASON_CREDENTIALS_EXPIRED:
    case v1::ERROR_REASON_CREDENTIALS_REVOKED:
      return absl::StatusCode::kUnauthenticated;
    case v1::ERROR_REASON_PUBLISH_DENIED:
    case v1::ERROR_REASON_SUBSCRIBE_DENIED:
    case v1::ERROR_REASON_BACKUP_DENIED:
    case v1::ERROR_REASON_REVOKE_DENIED:
      return absl::StatusCode::kPermissionDenied;
    case v1::ERROR_REASON_DRAINING:
    case v1::ERROR_REASON_LOG_POISONED:
    case v1::ERROR_REASON_LOG_UNAVAILABLE:
    case v1::ERROR_REASON_REVOCATIONS_UNKNOWN:
      return absl::StatusCode::kUnavailable;
    case v1::ERROR_REASON_LOG_DAMAGED:
      return absl::StatusCode::kDataLoss;
    case v1::ERROR_REASON_ENGINE_UNSUPPORTED:
      return absl::StatusCode::kUnimplemented;
    default:
      return absl::StatusCode::kInternal;
  }
}

std::string_view NameOf(v1::ErrorReason reason) {
  constexpr std::string_view kPrefix = "ERROR_REASON_";
  return std::string_view(v1::ErrorReason_Name(reason)).substr(kPrefix.size());
}

google::rpc::Status ToRpcStatus(const Fault& fault) {
  google::rpc::Status status;
  status.set_code(static_cast<int>(CodeOf(fault.reason)));
  status.set_message(fault.message);
  google::rpc::ErrorInfo info;
  info.set_domain("weir");
  info.set_reason(std::string(NameOf(fault.reason)));
  if (!fault.field.empty()) {
    (*info.mutable_metadata())["field"] = fault.field;
  }
  if (!fault.value.empty()) {
    (*info.mutable_metadata())["value"] = Quotable(fault.value);
  }
  if (!fault.limit.empty()) {
    (*info.mutable_metadata())["limit"] = fault.limit;
  }
  status.add_details()->PackFrom(info);
  if (fault.retry_after > absl::ZeroDuration()) {
    google::rpc::RetryInfo retry;
    const int64_t millis = absl::ToInt64Milliseconds(fault.retry_after);
    retry.mutable_retry_delay()->set_seconds(millis / 1000);
    retry.mutable_retry_delay()->set_nanos(static_cast<int32_t>(millis % 1000) * 1'000'000);
    status.add_details()->PackFrom(retry);
  }
  return status;
}

}  // namespace weir::server
