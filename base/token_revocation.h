// What a revocation of tokens may say, for who takes it in (weir-server) and who obeys it (weir-edge). Pure; any
// thread.
#ifndef WEIR_BASE_TOKEN_REVOCATION_H_
#define WEIR_BASE_TOKEN_REVOCATION_H_

#include <cstddef>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "weir/v1/revocation.pb.h"

namespace weir {

inline constexpr std::string_view kRevocationsTopic = "weir.revocations";
inline constexpr std::string_view kRevocationType = "weir.v1.TokenRevocation";

inline constexpr size_t kRevokedIssuerBytesMax = 256;
inline constexpr size_t kRevokedNameBytesMax = 1024;

// How far ahead a new one's times may be: as much as clocks differ, and as long as a token may last at most, and a day.
inline constexpr absl::Duration kIssuedUntilAheadMax = absl::Minutes(5);
inline constexpr absl::Duration kRevocationLastsMax = absl::Hours(24 * 3651);

// How long a token may last where the configuration does not say, and how long a revocation is kept where the request
// does not: a day longer.
inline constexpr absl::Duration kTokenLifetimeMaxDefault = absl::Hours(24 * 30);
inline constexpr absl::Duration kRevocationKeepDefault = absl::Hours(24 * 31);

// Begins the ids of those that the server stored again; no publisher may use such an id on the system's topics.
inline constexpr std::string_view kCarriedIdPrefix = "carried-";

// INVALID_ARGUMENT says which field is wrong, and what is allowed.
absl::Status CheckTokenRevocation(const v1::TokenRevocation& revocation);

// The same of a good one that is to be stored now, for who takes it in: its times may not be too far ahead.
absl::Status CheckNewTokenRevocation(const v1::TokenRevocation& revocation, absl::Time now);

// Until when a good one is in force.
absl::Time ExpiryOf(const v1::TokenRevocation& revocation);

}  // namespace weir

#endif  // WEIR_BASE_TOKEN_REVOCATION_H_
