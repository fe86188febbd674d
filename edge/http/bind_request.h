// What a reader of a route gets by its token and its parameters: templates, filled in. Pure; any thread.
#ifndef WEIR_EDGE_HTTP_BIND_REQUEST_H_
#define WEIR_EDGE_HTTP_BIND_REQUEST_H_

#include <memory>

#include "absl/status/statusor.h"
#include "base/jwt.h"
#include "edge/http/target.h"
#include "edge/route.h"

namespace weir::edge {

// Route, filters, principal, key and data are filled in; the rest is the caller's. `claims` may be null.
// PERMISSION_DENIED: the token lacks a claim. INVALID_ARGUMENT: a parameter is not good, or is used and came twice.
absl::StatusOr<StreamRequest> BindRequest(std::shared_ptr<const Route> route, const JwtClaims* claims,
                                          const Query& query);

// Of that token for that route: its principal, and all that the route's templates take from the claims. Two tokens with
// the same are interchangeable there. PERMISSION_DENIED as above.
absl::StatusOr<Identity> IdentityOf(const Route& route, const JwtClaims* claims);

}  // namespace weir::edge

#endif  // WEIR_EDGE_HTTP_BIND_REQUEST_H_
