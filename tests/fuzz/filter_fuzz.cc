// Topics, filters, sets and the index of them, beside naive ones. The last line of the input is the topic, those before
// it are the filters.
#include <algorithm>
#include <string>
#include <vector>

#include "base/filter.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/naive_topics.h"

namespace weir {
namespace {

using fuzz::Expect;

void Try(const std::vector<std::string>& filters, const std::string& topic) {
  for (const std::string& text : filters) {
    Expect(ValidateFilter(text).ok() == test::NaiveIsFilter(text), "the grammar of filters");
    Expect(ValidateTopic(text).ok() == test::NaiveIsTopic(text), "the grammar of topics");
    Expect(IsToken(text) == test::NaiveIsToken(text), "what one token is");
  }
  const bool valid = std::all_of(filters.begin(), filters.end(), [](const auto& f) { return test::NaiveIsFilter(f); });
  const auto set = FilterSet::Parse(filters);
  Expect(set.ok() == (valid && !filters.empty()), "a set of valid filters");
  if (!set.ok() || !test::NaiveIsTopic(topic)) {
    return;
  }
  FilterIndex<size_t> index;
  std::vector<size_t> expected;
  for (size_t i = 0; i < filters.size(); ++i) {
    index.Insert(filters[i], i);
    if (test::NaiveMatches(filters[i], topic)) {
      expected.push_back(i);
    }
    Expect(FilterMatches(filters[i], topic) == test::NaiveMatches(filters[i], topic), "whether a filter matches");
  }
  std::vector<size_t> found;
  index.ForEachMatch(topic, [&](size_t i) { found.push_back(i); });
  std::sort(found.begin(), found.end());
  Expect(found == expected, "what the index finds");
  Expect(set->Matches(topic) == !expected.empty(), "whether a set matches");
  for (size_t i = 0; i < filters.size(); ++i) {
    index.Erase(filters[i], i);
  }
  Expect(index.empty(), "the index is empty when all are erased");
}

}  // namespace
}  // namespace weir

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 600) {  // the naive ones are slow
    return 0;
  }
  std::vector<std::string> lines(1);
  for (const char c : weir::fuzz::Text(data, size)) {
    if (c == '\n') {
      lines.emplace_back();
    } else {
      lines.back() += c;
    }
  }
  const std::string topic = lines.back();
  if (lines.size() > 1) {
    lines.pop_back();
  }
  weir::Try(lines, topic);
  return 0;
}
