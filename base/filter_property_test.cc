#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/filter.h"
#include "tests/support/naive_topics.h"
#include "tests/support/property.h"

namespace weir {
namespace {

using test::Random;

std::string AnyTopic(Random& random) {
  std::string topic = random.Text("abc", 1);
  for (size_t more = random.Below(4); more > 0; --more) {
    topic += "." + random.Text("abc", 1);
  }
  return topic;
}

std::string AnyFilter(Random& random) {
  std::string filter = AnyTopic(random);
  for (char& c : filter) {
    c = c != '.' && random.OneIn(3) ? '*' : c;
  }
  return random.OneIn(4) ? filter.substr(0, filter.rfind('.') + 1) + ">" : filter;
}

TEST(FilterSetProperty, MatchesWhenAnyFilterDoes) {
  test::ForAll(1000, [](Random& random) {
    std::vector<std::string> filters(1 + random.Below(6));
    for (std::string& filter : filters) {
      filter = AnyFilter(random);
    }
    const auto set = FilterSet::Parse(filters);
    ASSERT_TRUE(set.ok());
    for (int i = 0; i < 10; ++i) {
      const std::string topic = AnyTopic(random);
      const bool naive = std::any_of(filters.begin(), filters.end(),
                                     [&](const std::string& filter) { return test::NaiveMatches(filter, topic); });
      ASSERT_EQ(set->Matches(topic), naive) << topic;
    }
  });
}

// Inserts, erases and look-ups in any order, beside a list of pairs.
TEST(FilterIndexProperty, FindsWhatAListFinds) {
  size_t found = 0;
  test::ForAll(12, [&](Random& random) {
    FilterIndex<int> index;
    std::vector<std::pair<std::string, int>> list;
    for (int step = 0; step < 400; ++step) {
      const std::pair entry(AnyFilter(random), static_cast<int>(random.Below(4)));
      const auto held = std::find(list.begin(), list.end(), entry);
      if (random.OneIn(3)) {
        index.Erase(entry.first, entry.second);  // mostly of what is not there
        if (held != list.end()) {
          list.erase(held);
        }
      } else if (random.OneIn(3) && !list.empty()) {
        const size_t at = random.Below(list.size());
        index.Erase(list[at].first, list[at].second);
        list.erase(list.begin() + static_cast<std::ptrdiff_t>(at));
      } else {
        index.Insert(entry.first, entry.second);
        if (held == list.end()) {
          list.push_back(entry);
        }
      }
      const std::string topic = AnyTopic(random);
      std::vector<int> theirs;
      for (const auto& [filter, value] : list) {
        if (test::NaiveMatches(filter, topic)) {
          theirs.push_back(value);
        }
      }
      std::vector<int> ours;
      index.ForEachMatch(topic, [&](int value) { ours.push_back(value); });
      std::sort(theirs.begin(), theirs.end());
      std::sort(ours.begin(), ours.end());
      ASSERT_EQ(ours, theirs) << topic;
      ASSERT_EQ(index.empty(), list.empty());
      found += ours.size();
    }
    for (const auto& [filter, value] : list) {
      index.Erase(filter, value);
    }
    ASSERT_TRUE(index.empty()) << "it would grow with past readers";
  });
  EXPECT_GT(found, 300);
}

}  // namespace
}  // namespace weir
