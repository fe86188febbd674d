// A RevokeTokensRequest, checked, as what is to be published. Pure; any thread.
#ifndef WEIR_SERVER_REVOKE_REVOKE_REQUEST_H_
#define WEIR_SERVER_REVOKE_REVOKE_REQUEST_H_

#include "absl/time/time.h"
#include "server/rpc/error.h"
#include "weir/v1/maintenance.pb.h"

namespace weir::server {

// `now` is the server's time. FIELD_INVALID: the field, and what is allowed.
FaultOr<v1::TokenRevocation> ReadRevokeRequest(const v1::RevokeTokensRequest& request, absl::Time now);

}  // namespace weir::server

#endif  // WEIR_SERVER_REVOKE_REVOKE_REQUEST_H_
