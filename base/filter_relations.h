// What two filters, or sets of filters and one, have in common: for deciding who may read what. Pure; any thread.
#ifndef WEIR_BASE_FILTER_RELATIONS_H_
#define WEIR_BASE_FILTER_RELATIONS_H_

#include <string_view>
#include <vector>

#include "base/filter.h"

namespace weir {

// Whether a topic could match both valid filters: `a.*` and `*.b` overlap in `a.b`.
bool FilterOverlaps(std::string_view one, std::string_view other);
// Whether a topic could match both the set and the valid filter.
bool Overlaps(const FilterSet& set, std::string_view filter);

// Whether the sets together match every topic that the valid filter matches: also one that several of their filters
// have among them, as `a.*` and `a.*.>` have `a.>`. (The bound of a topic's bytes is left out: where only that bound
// would make it true, it is false.)
bool Cover(const std::vector<const FilterSet*>& sets, std::string_view filter);

}  // namespace weir

#endif  // WEIR_BASE_FILTER_RELATIONS_H_
