// The routes of the configuration, compiled: what main hands to the hubs and the HTTP front end.
//
// Const after it is made, and has perhaps succeeded others; any thread.
#ifndef WEIR_EDGE_ROUTES_H_
#define WEIR_EDGE_ROUTES_H_

#include <functional>
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

  // Asks for `filters` at the server as well, with places for so many presentations in the tail. Says from where on the
  // tail has both.
  using Widen = std::function<Coverage(const std::vector<std::string>& filters, uint32_t presentations)>;

  // Makes these the successors of the routes of a running edge. A route that `old` has too, meaning the same, becomes
  // old's object, so that its readers go on; a presentation that `old` has keeps its index, and a new one gets one that
  // `old` does not use. If the tail does not have all that these routes show, `widen` is called, once, with everything
  // that old and new ones need. RESOURCE_EXHAUSTED, before that: it would be more filters than the server takes.
  absl::Status Succeed(const Routes& old, const Widen& widen);

  // The route of exactly this path, or null.
  std::shared_ptr<const Route> Find(std::string_view path) const;

  // In the configuration's order.
  const std::vector<std::shared_ptr<const Route>>& all() const { return routes_; }
  // Distinct; Route::presentation_index counts in it. Null: no route has it any more.
  const std::vector<std::shared_ptr<const Presentation>>& presentations() const { return presentations_; }
  // What the edge asks of the server: every filter at its widest, distinct.
  const std::vector<std::string>& upstream_filters() const { return upstream_filters_; }

 private:
  // Gives old's presentations their indices back, and new ones others. Returns the new ones.
  std::vector<bool> PlacePresentations(const Routes& old);
  Coverage CoverageOf(const Route& route) const;

  std::vector<std::shared_ptr<const Route>> routes_;
  std::vector<std::string> meanings_;  // of routes_: equal ones are routes of which readers see no difference
  std::vector<std::shared_ptr<const Presentation>> presentations_;
  std::vector<std::string> upstream_filters_;
  TextMap<Coverage> coverage_;                   // of upstream filters that came with a reload
  std::vector<Coverage> presentation_coverage_;  // by index, likewise
  TextMap<size_t> by_path_;
};

// The filters of one reader: concrete, sorted, unique. Errors as FilterTemplate::Expand.
absl::StatusOr<std::vector<std::string>> ExpandFilters(const Route& route, const RequestValues& values);

}  // namespace weir::edge

#endif  // WEIR_EDGE_ROUTES_H_
