#include "base/filter_relations.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "base/topic.h"

namespace weir {
namespace {

// Takes the first token off the text; an empty view when there is none.
std::string_view TakeToken(std::string_view& text) {
  const size_t dot = text.find('.');
  const std::string_view token = text.substr(0, dot);
  text = dot == std::string_view::npos ? std::string_view() : text.substr(dot + 1);
  return token;
}

}  // namespace

bool FilterOverlaps(std::string_view one, std::string_view other) {
  if ((BeginsWithWildcard(one) && IsReservedTopic(other)) || (IsReservedTopic(one) && BeginsWithWildcard(other))) {
    return false;
  }
  while (!one.empty() && !other.empty()) {
    const std::string_view left = TakeToken(one);
    const std::string_view right = TakeToken(other);
    if (left == ">" || right == ">") {
      return true;
    }
    if (left != "*" && right != "*" && left != right) {
      return false;
    }
  }
  return one.empty() && other.empty();
}

bool Cover(const std::vector<const FilterSet*>& sets, std::string_view filter) {
  const auto covered = [&sets](std::string_view narrower) {
    return std::any_of(sets.begin(), sets.end(), [narrower](const FilterSet* set) {
      return set->exact().contains(narrower) ||
             std::any_of(set->wildcard().begin(), set->wildcard().end(),
                         [narrower](const std::string& wide) { return FilterCovers(wide, narrower); });
    });
  };
  if (covered(filter)) {
    return true;
  }
  if (filter.back() != '>') {
    return false;
  }
  // Topics of each length by themselves: there `*` stands for a token that no filter names, which one filter alone has
  // to match.
  std::string narrower(filter.substr(0, filter.size() - 1));
  for (auto tokens = std::count(filter.begin(), filter.end(), '.') + 1; tokens <= int64_t{kTopicTokensMax}; ++tokens) {
    narrower += '*';
    if (!covered(narrower)) {
      return false;
    }
    narrower += '.';
  }
  return true;
}

bool Overlaps(const FilterSet& set, std::string_view filter) {
  return std::any_of(set.filters().begin(), set.filters().end(),
                     [&](const std::string& own) { return FilterOverlaps(own, filter); });
}

}  // namespace weir
