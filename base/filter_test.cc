#include "base/filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace weir {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

// The grammar once more, from its definition: tokens in vectors, and recursion.
std::vector<std::string> TokensOf(std::string_view text) {
  std::vector<std::string> tokens(1);
  for (const char c : text) {
    if (c == '.') {
      tokens.emplace_back();
    } else {
      tokens.back() += c;
    }
  }
  return tokens;
}

bool NaiveMatches(const std::vector<std::string>& filter, const std::vector<std::string>& topic, size_t at = 0) {
  if (at == filter.size() || at == topic.size()) {
    return filter.size() == topic.size();
  }
  return filter[at] == ">" || ((filter[at] == "*" || filter[at] == topic[at]) && NaiveMatches(filter, topic, at + 1));
}

// Few tokens, so that random filters and topics often meet.
class RandomText {
 public:
  explicit RandomText(unsigned seed) : random_(seed) {}

  size_t Below(size_t bound) { return random_() % bound; }

  std::string Topic() {
    std::string text = Token();
    for (size_t more = Below(4); more > 0; --more) {
      text += "." + Token();
    }
    return text;
  }

  std::string Filter() {
    std::string text;
    for (size_t more = Below(4); more > 0; --more) {
      text += (Below(3) == 0 ? std::string("*") : Token()) + ".";
    }
    const size_t last = Below(4);
    return text + (last == 0 ? ">" : last == 1 ? "*" : Token());
  }

 private:
  std::string Token() { return std::string(1, static_cast<char>('a' + Below(3))); }

  std::mt19937 random_;
};

TEST(FilterMatches, AgreesWithTheDefinition) {
  RandomText random(1);
  int matched = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::string filter = random.Filter();
    const std::string topic = random.Topic();
    const bool expected = NaiveMatches(TokensOf(filter), TokensOf(topic));
    ASSERT_EQ(FilterMatches(filter, topic), expected) << filter << " " << topic;
    matched += expected ? 1 : 0;
  }
  EXPECT_GT(matched, 1000);
}

TEST(FilterSet, DropsDuplicatesAndKeepsTheOrder) {
  const auto set = FilterSet::Parse({"b.*", "a", "b.*", "c", "a"});
  ASSERT_TRUE(set.ok());
  EXPECT_THAT(set->filters(), ElementsAre("b.*", "a", "c"));
  EXPECT_THAT(set->exact(), UnorderedElementsAre("a", "c"));
  EXPECT_THAT(set->wildcard(), ElementsAre("b.*"));
}

TEST(FilterSet, RefusesNoneAndBadOnes) {
  EXPECT_EQ(FilterSet::Parse({}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(FilterSet::Parse({"a", ""}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(FilterSet::Parse({"a", "b.>.c"}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(FilterSet, MatchesWhenAnyFilterDoes) {
  RandomText random(2);
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> filters;
    for (size_t count = 1 + random.Below(5); count > 0; --count) {
      filters.push_back(random.Filter());
    }
    const auto set = FilterSet::Parse(filters);
    ASSERT_TRUE(set.ok());
    for (int i = 0; i < 20; ++i) {
      const std::string topic = random.Topic();
      bool expected = false;
      for (const std::string& filter : filters) {
        expected = expected || NaiveMatches(TokensOf(filter), TokensOf(topic));
      }
      ASSERT_EQ(set->Matches(topic), expected) << topic;
    }
  }
}

std::multiset<int> Matches(const FilterIndex<int>& index, std::string_view topic) {
  std::multiset<int> values;
  index.ForEachMatch(topic, [&](int value) { values.insert(value); });
  return values;
}

TEST(FilterIndex, HoldsAPairOnce) {
  FilterIndex<int> index;
  for (int i = 0; i < 2; ++i) {
    index.Insert("a.b", 1);
    index.Insert("a.*", 1);
  }
  index.Insert("a.b", 2);
  EXPECT_THAT(Matches(index, "a.b"), UnorderedElementsAre(1, 1, 2));
  index.Erase("a.b", 1);
  EXPECT_THAT(Matches(index, "a.b"), UnorderedElementsAre(1, 2));
}

TEST(FilterIndex, IgnoresErasingWhatIsNotThere) {
  FilterIndex<int> index;
  index.Insert("a.*", 1);
  index.Insert("a", 1);
  for (const char* filter : {"a.*", "a", "a.>", "*", "b.*.c", "b", "a.*.c"}) {
    index.Erase(filter, 2);
  }
  index.Erase("a.>", 1);
  EXPECT_THAT(Matches(index, "a.b"), UnorderedElementsAre(1));
  EXPECT_THAT(Matches(index, "a"), UnorderedElementsAre(1));
}

TEST(FilterIndex, KeepsLongerFiltersWhenAShorterOneGoes) {
  FilterIndex<int> index;
  index.Insert("*", 1);
  index.Insert("*.b", 2);
  index.Erase("*", 1);
  EXPECT_THAT(Matches(index, "a"), testing::IsEmpty());
  EXPECT_THAT(Matches(index, "a.b"), UnorderedElementsAre(2));
  index.Erase("*.b", 2);
  EXPECT_TRUE(index.empty());
}

TEST(FilterIndex, AgreesWithANaiveOneAndEndsEmpty) {
  RandomText random(3);
  FilterIndex<int> index;
  std::set<std::pair<std::string, int>> naive;
  for (int step = 0; step < 20'000; ++step) {
    const std::string filter = random.Filter();
    const int value = static_cast<int>(random.Below(4));
    if (random.Below(2) == 0) {
      index.Insert(filter, value);
      naive.emplace(filter, value);
    } else {
      index.Erase(filter, value);
      naive.erase({filter, value});
    }
    if (step % 10 == 0) {
      const std::string topic = random.Topic();
      std::multiset<int> expected;
      for (const auto& [held, held_value] : naive) {
        if (NaiveMatches(TokensOf(held), TokensOf(topic))) {
          expected.insert(held_value);
        }
      }
      ASSERT_EQ(Matches(index, topic), expected) << topic << " at step " << step;
    }
    ASSERT_EQ(index.empty(), naive.empty());
  }
  for (const auto& [filter, value] : naive) {
    index.Erase(filter, value);
  }
  EXPECT_TRUE(index.empty());  // no node is left of all that was there
}

}  // namespace
}  // namespace weir
