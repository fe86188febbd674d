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

// INVALID_ARGUMENT says which field is wrong, and what is allowed.
absl::Status CheckTokenRevocation(const v1::TokenRevocation& revocation);

// Until when a good one is in force.
absl::Time ExpiryOf(const v1::TokenRevocation& revocation);

}  // namespace weir

#endif  // WEIR_BASE_TOKEN_REVOCATION_H_
