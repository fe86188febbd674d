// The names by which browsers may call this edge. Pure; any thread.
//
// A page whose host's name was bound anew to the edge's address (DNS rebinding) is of the edge's own origin to the
// browser; only the `Host` of its requests tells.
#ifndef WEIR_EDGE_HTTP_HOSTS_H_
#define WEIR_EDGE_HTTP_HOSTS_H_

#include <string>
#include <string_view>
#include <vector>

namespace weir::edge {

// Of EdgeConfig.
inline constexpr size_t kHostsMax = 64;

// `app.example.com`, `*.example.com` (every name below it, and not itself), `127.0.0.1` or `[::1]`: lower case, without
// a port, at most 255 bytes.
bool IsHostRule(std::string_view text);

// Whether one of the rules allows the value of `Host`, whatever its port and its case. Without rules every value.
bool IsAllowedHost(const std::vector<std::string>& rules, std::string_view host);

}  // namespace weir::edge

#endif  // WEIR_EDGE_HTTP_HOSTS_H_
