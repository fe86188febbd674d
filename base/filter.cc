#include "base/filter.h"

namespace weir {

absl::StatusOr<FilterSet> FilterSet::Parse(const std::vector<std::string>& filters) {
  if (filters.empty()) {
    return absl::InvalidArgumentError("no filter is given; at least one is needed, \">\" matches every topic");
  }
  FilterSet set;
  absl::flat_hash_set<std::string_view, TextHash, std::equal_to<>> seen;
  for (const std::string& filter : filters) {
    if (absl::Status status = ValidateFilter(filter); !status.ok()) {
      return status;
    }
    if (!seen.insert(filter).second) {
      continue;
    }
    set.filters_.push_back(filter);
    if (HasWildcard(filter)) {
      set.wildcard_.push_back(filter);
    } else {
      set.exact_.insert(filter);
    }
  }
  return set;
}

bool FilterSet::Matches(std::string_view topic) const {
  return exact_.contains(topic) || std::any_of(wildcard_.begin(), wildcard_.end(),
                                               [&](const std::string& filter) { return FilterMatches(filter, topic); });
}

}  // namespace weir
