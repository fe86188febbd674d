// How new routes take the place of those of a running edge.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "edge/routes.h"

namespace weir::edge {
namespace {

constexpr size_t kNone = static_cast<size_t>(-1);

size_t FindPresentation(const std::vector<std::shared_ptr<const Presentation>>& presentations,
                        const PresentationOptions& options) {
  for (size_t i = 0; i < presentations.size(); ++i) {
    if (presentations[i] != nullptr && presentations[i]->options() == options) {
      return i;
    }
  }
  return kNone;
}

}  // namespace

// A new presentation never takes an index that old routes use: their last readers still fill its places in the tail.
std::vector<bool> Routes::PlacePresentations(const Routes& old) {
  std::vector<std::shared_ptr<const Presentation>> placed(old.presentations_.size());
  std::vector<size_t> place(presentations_.size(), kNone);
  for (size_t i = 0; i < presentations_.size(); ++i) {
    place[i] = FindPresentation(old.presentations_, presentations_[i]->options());
    if (place[i] != kNone) {
      placed[place[i]] = old.presentations_[place[i]];
    }
  }
  std::vector<bool> fresh(placed.size());
  for (size_t i = 0; i < presentations_.size(); ++i) {
    if (place[i] != kNone) {
      continue;
    }
    size_t free = 0;
    while (free < placed.size() &&
           (placed[free] != nullptr || (free < old.presentations_.size() && old.presentations_[free] != nullptr))) {
      ++free;
    }
    placed.resize(std::max(placed.size(), free + 1));
    fresh.resize(placed.size());
    placed[free] = presentations_[i];
    fresh[free] = true;
    place[i] = free;
  }
  for (std::shared_ptr<const Route>& route : routes_) {
    auto moved = std::make_shared<Route>(*route);
    moved->presentation_index = static_cast<uint32_t>(place[route->presentation_index]);
    moved->presentation = placed[moved->presentation_index];
    if (route->message_presentation != nullptr) {
      moved->message_presentation_index = static_cast<uint32_t>(place[route->message_presentation_index]);
      moved->message_presentation = placed[moved->message_presentation_index];
    }
    route = std::move(moved);
  }
  presentations_ = std::move(placed);
  return fresh;
}

// Everything that the route needs has to be there: the latest beginning counts. What began in an earlier generation of
// the tail is as old as the tail.
Coverage Routes::CoverageOf(const Route& route) const {
  Coverage coverage = presentation_coverage_[route.presentation_index];
  const auto needs = [&coverage](const Coverage& other) {
    if (std::pair(other.generation, other.after) > std::pair(coverage.generation, coverage.after)) {
      coverage = other;
    }
  };
  if (route.message_presentation != nullptr) {
    needs(presentation_coverage_[route.message_presentation_index]);
  }
  for (const FilterTemplate& filter : route.filters) {
    if (const auto it = coverage_.find(filter.Widest()); it != coverage_.end()) {
      needs(it->second);
    }
  }
  return coverage;
}

absl::Status Routes::Succeed(const Routes& old, const Widen& widen) {
  std::vector<std::string> filters = old.upstream_filters_;
  const TextSet known(filters.begin(), filters.end());
  for (const std::string& filter : upstream_filters_) {
    if (!known.contains(filter)) {
      filters.push_back(filter);
    }
  }
  if (filters.size() > kUpstreamFiltersMax) {
    return absl::ResourceExhaustedError(
        fmt::format("the routes before and after have {} distinct filters together; allowed is at most {}",
                    filters.size(), kUpstreamFiltersMax));
  }
  const std::vector<bool> fresh = PlacePresentations(old);
  Coverage now;
  if (filters.size() > known.size() || std::find(fresh.begin(), fresh.end(), true) != fresh.end()) {
    now = widen(filters, static_cast<uint32_t>(std::max(presentations_.size(), old.presentations_.size())));
  }
  for (const std::string& filter : upstream_filters_) {
    if (!known.contains(filter)) {
      coverage_[filter] = now;
    } else if (const auto it = old.coverage_.find(filter); it != old.coverage_.end()) {
      coverage_[filter] = it->second;
    }
  }
  presentation_coverage_ = old.presentation_coverage_;
  presentation_coverage_.resize(presentations_.size());
  for (size_t i = 0; i < fresh.size(); ++i) {
    if (fresh[i]) {
      presentation_coverage_[i] = now;
    }
  }
  for (size_t i = 0; i < routes_.size(); ++i) {
    const auto same = old.by_path_.find(routes_[i]->path);
    if (same != old.by_path_.end() && old.meanings_[same->second] == meanings_[i]) {
      routes_[i] = old.routes_[same->second];
      continue;
    }
    auto route = std::make_shared<Route>(*routes_[i]);
    route->coverage = CoverageOf(*route);
    routes_[i] = std::move(route);
  }
  return absl::OkStatus();
}

}  // namespace weir::edge
