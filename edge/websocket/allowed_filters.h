// Which filters a WebSocket's client may read: those that one of the route's own, expanded, covers. Pure; any thread.
#ifndef WEIR_EDGE_WEBSOCKET_ALLOWED_FILTERS_H_
#define WEIR_EDGE_WEBSOCKET_ALLOWED_FILTERS_H_

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/topic.h"

namespace weir::edge {

// False also when it is no filter.
inline bool IsAllowedFilter(std::string_view filter, const std::vector<std::string>& allowed) {
  return ValidateFilter(filter).ok() && std::any_of(allowed.begin(), allowed.end(), [filter](const std::string& wide) {
           return FilterCovers(wide, filter);
         });
}

// Of the one at that place. It does not say which filters there are.
inline std::string FilterComplaint(size_t place) {
  return fmt::format("filters[{}] is not a filter that this path and the token allow", place);
}

}  // namespace weir::edge

#endif  // WEIR_EDGE_WEBSOCKET_ALLOWED_FILTERS_H_
