// The routes of the configuration, compiled: what main hands to the hubs and the HTTP front end.
//
// Const after it is made; any thread.
#ifndef WEIR_EDGE_ROUTES_H_
#define WEIR_EDGE_ROUTES_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/config_file.h"
#include "base/text.h"
#include "edge/route.h"
#include "edge/template.h"
#include "weir/config/v1/edge.pb.h"

namespace weir::edge {

inline constexpr size_t kRouteFiltersMax = 16;
// The server's limit for one subscription, which all routes share.
inline constexpr size_t kUpstreamFiltersMax = 1024;
// Names that every route may send, whatever its configuration.
inline constexpr std::string_view kAuthExpiredEvent = "weir.auth_expired";
inline constexpr std::string_view kOverloadedEvent = "weir.overloaded";
inline constexpr std::string_view kDrainingEvent = "weir.draining";

class Routes {
 public:
  // Checks and compiles `edge.routes`. INVALID_ARGUMENT `FILE:LINE:COLUMN: routes[0].path: …` says what is allowed.
  static absl::StatusOr<Routes> Compile(const config::v1::Edge& edge, const ConfigFile& file);

  // The route of exactly this path, or null.
  std::shared_ptr<const Route> Find(std::string_view path) const;

  // In the configuration's order.
  const std::vector<std::shared_ptr<const Route>>& all() const { return routes_; }
  // Distinct; Route::presentation_index counts in it.
  const std::vector<std::shared_ptr<const Presentation>>& presentations() const { return presentations_; }
  // What the edge asks of the server: every filter at its widest, distinct.
  const std::vector<std::string>& upstream_filters() const { return upstream_filters_; }

 private:
  std::vector<std::shared_ptr<const Route>> routes_;
  std::vector<std::shared_ptr<const Presentation>> presentations_;
  std::vector<std::string> upstream_filters_;
  TextMap<size_t> by_path_;
};

// The filters of one reader: concrete, sorted, unique. Errors as FilterTemplate::Expand.
absl::StatusOr<std::vector<std::string>> ExpandFilters(const Route& route, const RequestValues& values);

}  // namespace weir::edge

#endif  // WEIR_EDGE_ROUTES_H_
