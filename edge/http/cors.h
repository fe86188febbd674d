// Cross-origin access by an exact list of origins. Pure; any thread.
#ifndef WEIR_EDGE_HTTP_CORS_H_
#define WEIR_EDGE_HTTP_CORS_H_

#include <string>
#include <string_view>

#include "base/text.h"

namespace weir::edge {

struct CorsOptions {
  TextSet origins;  // empty: no cross-origin access, and no header about it
  bool credentials = false;
};

// Whether the text is an origin as browsers write it: `https://app.example.com`, `http://localhost:5173`. Lower case,
// no path, no wildcard, not `null`.
bool IsOrigin(std::string_view text);

// The `Vary` of an answer and, for an origin of the list, the headers that let its page read it; each line with CR LF.
// Another origin is never echoed. `vary_accept`: the answer also depends on `Accept`.
std::string CorsHeaders(const CorsOptions& options, std::string_view origin, bool vary_accept);

// The further headers of the answer to a preflight request from an origin of the list, which may use `methods`; else
// empty.
std::string PreflightHeaders(const CorsOptions& options, std::string_view origin,
                             std::string_view methods = "GET, HEAD");

}  // namespace weir::edge

#endif  // WEIR_EDGE_HTTP_CORS_H_
