#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/filter.h"
#include "base/filter_relations.h"
#include "tests/support/naive_topics.h"
#include "tests/support/property.h"

namespace weir {
namespace {

using test::Random;

// The first token may be the system's: `w` stands for it.
std::string Spelt(std::string text) {
  return text.front() == 'w' ? std::string(kReservedToken) + text.substr(1) : text;
}

std::string AnyTopicSpeltShort(Random& random) {
  std::string topic = random.Text("abcw", 1);
  for (size_t more = random.Below(4); more > 0; --more) {
    topic += "." + random.Text("abc", 1);
  }
  return topic;
}

std::string AnyTopic(Random& random) { return Spelt(AnyTopicSpeltShort(random)); }

std::string AnyFilter(Random& random) {
  std::string filter = AnyTopicSpeltShort(random);
  for (char& c : filter) {
    c = c != '.' && random.OneIn(3) ? '*' : c;
  }
  return Spelt(random.OneIn(4) ? filter.substr(0, filter.rfind('.') + 1) + ">" : filter);
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

// All topics of up to five tokens, one of which no filter names: longer ones tell these filters no better apart.
const std::vector<std::string>& EveryTopic() {
  static const std::vector<std::string> topics = [] {
    std::vector<std::string> all = {"a", "b", "c", "z", "w"};
    for (size_t i = 0; i < all.size() && all[i].size() < 9; ++i) {
      for (const char* token : {".a", ".b", ".c", ".z"}) {
        all.push_back(all[i] + token);
      }
    }
    std::transform(all.begin(), all.end(), all.begin(), Spelt);
    return all;
  }();
  return topics;
}

TEST(FilterSetProperty, CoversAndOverlapsAsEveryTopicSays) {
  int covers = 0;
  int together = 0;  // covered by no filter alone
  int overlaps = 0;
  int rounds = 0;
  test::ForAll(300, [&](Random& random) {
    std::vector<std::string> filters(1 + random.Below(4));
    for (std::string& filter : filters) {
      filter = AnyFilter(random);
    }
    std::string filter = random.OneIn(3) ? random.Pick(filters) : AnyFilter(random);
    if (random.OneIn(3) && filter.ends_with('>')) {
      const std::string head = filter.substr(0, filter.size() - 1);
      filters.insert(filters.end(), {head + "*", head + "*.>"});
    }
    const auto set = FilterSet::Parse(filters);
    ASSERT_TRUE(set.ok());
    bool covered = true;
    bool overlapping = false;
    for (const std::string& topic : EveryTopic()) {
      if (test::NaiveMatches(filter, topic)) {
        const bool matched = std::any_of(filters.begin(), filters.end(),
                                         [&](const std::string& own) { return test::NaiveMatches(own, topic); });
        covered = covered && matched;
        overlapping = overlapping || matched;
      }
    }
    ASSERT_EQ(Cover({&*set}, filter), covered) << filter << " in " << ::testing::PrintToString(filters);
    std::vector<FilterSet> apart;
    for (const std::string& own : filters) {
      apart.push_back(*FilterSet::Parse({own}));
    }
    std::vector<const FilterSet*> sets;
    for (const FilterSet& one : apart) {
      sets.push_back(&one);
    }
    ASSERT_EQ(Cover(sets, filter), covered) << "in sets of one";
    ASSERT_EQ(Overlaps(*set, filter), overlapping) << filter << " and " << ::testing::PrintToString(filters);
    ++rounds;
    covers += covered ? 1 : 0;
    overlaps += overlapping ? 1 : 0;
    together += covered && std::none_of(filters.begin(), filters.end(),
                                        [&](const std::string& own) { return FilterCovers(own, filter); })
                    ? 1
                    : 0;
  });
  EXPECT_GT(covers, rounds / 10);
  EXPECT_GT(together, rounds / 100);
  EXPECT_GT(overlaps, covers);
  EXPECT_LT(overlaps, rounds);
}

TEST(FilterSet, CoversAFilterToTheLongestTopic) {
  const auto covers = [](const std::vector<std::string>& filters, const std::string& filter) {
    const FilterSet set = *FilterSet::Parse(filters);
    return Cover({&set}, filter);
  };
  std::vector<std::string> every_length = {"*"};
  while (every_length.size() < kTopicTokensMax) {
    every_length.push_back(every_length.back() + ".*");
  }
  EXPECT_TRUE(covers(every_length, ">"));
  every_length.pop_back();
  EXPECT_FALSE(covers(every_length, ">"));
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
