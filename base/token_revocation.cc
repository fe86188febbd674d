#include "base/token_revocation.h"

#include <fmt/format.h>

#include <cstdint>
#include <string>

namespace weir {
namespace {

using google::protobuf::Timestamp;

// From 1970 on: no token is older.
bool IsTime(const Timestamp& time) {
  constexpr int64_t kSecondsMax = 253'402'300'799;  // 9999-12-31T23:59:59Z
  return time.seconds() >= 0 && time.seconds() <= kSecondsMax && time.nanos() >= 0 && time.nanos() < 1'000'000'000;
}

absl::Time TimeOf(const Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

std::string Text(absl::Time time) { return absl::FormatTime(absl::RFC3339_sec, time, absl::UTCTimeZone()); }

bool IsBefore(const Timestamp& one, const Timestamp& other) {
  return one.seconds() != other.seconds() ? one.seconds() < other.seconds() : one.nanos() < other.nanos();
}

}  // namespace

absl::Status CheckTokenRevocation(const v1::TokenRevocation& revocation) {
  if (revocation.issuer().size() > kRevokedIssuerBytesMax) {
    return absl::InvalidArgumentError(
        fmt::format("issuer has {} bytes; allowed are at most {}", revocation.issuer().size(), kRevokedIssuerBytesMax));
  }
  const bool by_subject = revocation.tokens_case() == v1::TokenRevocation::kSubject;
  const std::string& name = by_subject ? revocation.subject() : revocation.token_id();
  if (name.empty() || name.size() > kRevokedNameBytesMax) {
    return absl::InvalidArgumentError(fmt::format("subject or token_id has {} bytes; needed is one of them, of 1 to {}",
                                                  name.size(), kRevokedNameBytesMax));
  }
  if (by_subject != revocation.has_issued_until()) {
    return absl::InvalidArgumentError("issued_until belongs to a subject, and is needed there");
  }
  if (!IsTime(revocation.issued_until()) || !revocation.has_expire_time() || !IsTime(revocation.expire_time())) {
    return absl::InvalidArgumentError("issued_until or expire_time is missing, or no time of the years 1970 to 9999");
  }
  if (!IsBefore(revocation.issued_until(), revocation.expire_time())) {
    return absl::InvalidArgumentError("expire_time is not after issued_until");
  }
  return absl::OkStatus();
}

absl::Status CheckNewTokenRevocation(const v1::TokenRevocation& revocation, absl::Time now) {
  if (const absl::Time until = TimeOf(revocation.issued_until()); until > now + kIssuedUntilAheadMax) {
    return absl::InvalidArgumentError(
        fmt::format("issued_until is {}; allowed is at most 5 minutes after the server's time, which is {}",
                    Text(until), Text(now)));
  }
  if (const absl::Time expiry = ExpiryOf(revocation); expiry > now + kRevocationLastsMax) {
    return absl::InvalidArgumentError(
        fmt::format("expire_time is {}; allowed is at most 3651 days after the server's time, until {}", Text(expiry),
                    Text(now + kRevocationLastsMax)));
  }
  return absl::OkStatus();
}

absl::Time ExpiryOf(const v1::TokenRevocation& revocation) { return TimeOf(revocation.expire_time()); }

}  // namespace weir
