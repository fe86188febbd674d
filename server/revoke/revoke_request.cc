#include "server/revoke/revoke_request.h"

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/token_revocation.h"

namespace weir::server {
namespace {

using google::protobuf::Duration;
using google::protobuf::Timestamp;

constexpr int32_t kNanosMax = 999'999'999;

std::string Text(absl::Time time) { return absl::FormatTime(absl::RFC3339_sec, time, absl::UTCTimeZone()); }
std::string Text(const google::protobuf::Message& value) { return value.ShortDebugString(); }

std::optional<Fault> CheckBytes(std::string_view field, const std::string& text, size_t least, size_t most) {
  if (text.size() >= least && text.size() <= most) {
    return std::nullopt;
  }
  return FieldFault(field, fmt::format("{} bytes", text.size()), fmt::format("{} to {} bytes", least, most));
}

std::optional<Fault> CheckNames(const v1::RevokeTokensRequest& request) {
  if (std::optional<Fault> fault = CheckBytes("issuer", request.issuer(), 0, kRevokedIssuerBytesMax)) {
    return fault;
  }
  switch (request.tokens_case()) {
    case v1::RevokeTokensRequest::kSubject:
      return CheckBytes("subject", request.subject(), 1, kRevokedNameBytesMax);
    case v1::RevokeTokensRequest::kTokenId:
      return CheckBytes("token_id", request.token_id(), 1, kRevokedNameBytesMax);
    default:
      return FieldFault("tokens", "not set",
                        fmt::format("subject or token_id, of 1 to {} bytes", kRevokedNameBytesMax));
  }
}

// In whole seconds: the given time, or now.
FaultOr<Timestamp> IssuedUntil(const v1::RevokeTokensRequest& request, absl::Time now) {
  Timestamp until;
  if (!request.has_issued_until()) {
    until.set_seconds(absl::ToUnixSeconds(now));
    return until;
  }
  const Timestamp& given = request.issued_until();
  const bool is_time = given.seconds() >= 0 && given.nanos() >= 0 && given.nanos() <= kNanosMax;
  const absl::Time latest = now + kIssuedUntilAheadMax;
  if (!is_time || absl::FromUnixSeconds(given.seconds()) + absl::Nanoseconds(given.nanos()) > latest) {
    return FieldFault("issued_until", Text(given),
                      fmt::format("a time from 1970 until 5 minutes after the server's, which is {}", Text(now)));
  }
  until.set_seconds(given.seconds());
  return until;
}

FaultOr<absl::Duration> Keep(const v1::RevokeTokensRequest& request) {
  if (!request.has_keep()) {
    return kRevocationKeepDefault;
  }
  const Duration& given = request.keep();
  const absl::Duration keep = absl::Seconds(given.seconds()) + absl::Nanoseconds(given.nanos());
  if (given.nanos() < 0 || given.nanos() > kNanosMax || keep <= absl::ZeroDuration() || keep > kRevocationLastsMax) {
    return FieldFault("keep", Text(given), "more than 0, and at most 3651 days");
  }
  return keep;
}

}  // namespace

FaultOr<v1::TokenRevocation> ReadRevokeRequest(const v1::RevokeTokensRequest& request, absl::Time now) {
  if (std::optional<Fault> fault = CheckNames(request)) {
    return *std::move(fault);
  }
  const FaultOr<absl::Duration> keep = Keep(request);
  if (!keep.ok()) {
    return keep.fault();
  }
  const absl::Time expiry = now + *keep;
  v1::TokenRevocation revocation;
  revocation.set_issuer(request.issuer());
  revocation.mutable_expire_time()->set_seconds(absl::ToUnixSeconds(expiry));
  revocation.mutable_expire_time()->set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(expiry - absl::FromUnixSeconds(absl::ToUnixSeconds(expiry)))));
  if (request.tokens_case() == v1::RevokeTokensRequest::kTokenId) {
    if (request.has_issued_until()) {
      return FieldFault("issued_until", Text(request.issued_until()), "none with token_id");
    }
    revocation.set_token_id(request.token_id());
    return revocation;
  }
  const FaultOr<Timestamp> until = IssuedUntil(request, now);
  if (!until.ok()) {
    return until.fault();
  }
  if (expiry <= absl::FromUnixSeconds(until->seconds())) {
    return FieldFault("keep", Text(request.keep()), "more than the time until issued_until");
  }
  revocation.set_subject(request.subject());
  *revocation.mutable_issued_until() = *until;
  return revocation;
}

}  // namespace weir::server
