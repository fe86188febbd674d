#include <gtest/gtest.h>

#include <string>

#include "base/topic.h"
#include "tests/support/naive_topics.h"
#include "tests/support/property.h"

namespace weir {
namespace {

using test::Random;

// Few tokens of few letters, so that filters often match; now and then at the limits of length and count.
std::string AnyText(Random& random, std::string_view alphabet) {
  if (random.OneIn(20)) {
    return random.Text(alphabet, 250 + random.Below(12));
  }
  std::string text;
  for (size_t tokens = random.OneIn(10) ? 14 + random.Below(5) : 1 + random.Below(5); tokens > 0; --tokens) {
    text += random.Text(alphabet, 1 + random.Below(random.OneIn(10) ? 30 : 2));
    text += tokens > 1 ? "." : "";
  }
  return random.OneIn(3) ? random.Mutated(text, random.OneIn(3) ? "" : ".*>a") : text;
}

TEST(TopicProperty, TakesExactlyTheGrammar) {
  int topics = 0;
  int filters = 0;
  test::ForAll(6000, [&](Random& random) {
    const std::string text = AnyText(random, random.OneIn(2) ? "aZ9_-" : "aaab*>");
    ASSERT_EQ(ValidateTopic(text).ok(), test::NaiveIsTopic(text)) << text;
    ASSERT_EQ(ValidateFilter(text).ok(), test::NaiveIsFilter(text)) << text;
    ASSERT_EQ(IsToken(text), test::NaiveIsToken(text)) << text;
    topics += test::NaiveIsTopic(text) ? 1 : 0;
    filters += test::NaiveIsFilter(text) ? 1 : 0;
  });
  EXPECT_GT(topics, 300);
  EXPECT_GT(filters, topics);
}

TEST(TopicProperty, MatchesAsTheGrammarSays) {
  int matches = 0;
  test::ForAll(6000, [&](Random& random) {
    std::string filter = AnyText(random, "aab*");
    if (random.OneIn(3)) {
      filter = filter.substr(0, filter.rfind('.') + 1) + ">";
    }
    const std::string topic = AnyText(random, "ab");
    if (test::NaiveIsFilter(filter) && test::NaiveIsTopic(topic)) {
      ASSERT_EQ(FilterMatches(filter, topic), test::NaiveMatches(filter, topic)) << filter << " " << topic;
      ASSERT_TRUE(FilterMatches(topic, topic) && FilterMatches(">", topic)) << topic;
      matches += test::NaiveMatches(filter, topic) ? 1 : 0;
    }
  });
  EXPECT_GT(matches, 100);
}

TEST(Topic, WildcardsDoNotStandForTheSystemsFirstToken) {
  for (const char* wildcard : {">", "*", "*.*", "*.>", "*.revocations"}) {
    EXPECT_FALSE(FilterMatches(wildcard, "weir.revocations")) << wildcard;
    EXPECT_FALSE(FilterCovers(wildcard, "weir.revocations")) << wildcard;
    EXPECT_FALSE(FilterCovers(wildcard, "weir.>")) << wildcard;
  }
  for (const char* named : {"weir.revocations", "weir.*", "weir.>"}) {
    EXPECT_TRUE(FilterMatches(named, "weir.revocations")) << named;
    EXPECT_TRUE(FilterCovers(named, "weir.revocations")) << named;
  }
  EXPECT_TRUE(FilterMatches("*.weir", "a.weir") && FilterMatches(">", "weird") && FilterMatches("*.b", "weir_.b"));
  EXPECT_TRUE(IsReservedTopic("weir") && IsReservedTopic("weir.>"));
  EXPECT_FALSE(IsReservedTopic("weird.a") || IsReservedTopic("a.weir") || IsReservedTopic("*.weir"));
}

// Whatever the narrower filter matches, the one that covers it does; and where it does not cover, a topic shows it.
TEST(TopicProperty, CoversWhatMatchesNothingElse) {
  int covers = 0;
  int matched_by_both = 0;
  test::ForAll(6000, [&](Random& random) {
    const auto any_filter = [&] {
      std::string filter = AnyText(random, "aab*");
      return random.OneIn(3) ? filter.substr(0, filter.rfind('.') + 1) + ">" : filter;
    };
    const std::string wide = any_filter();
    const std::string narrow = random.OneIn(4) ? wide : any_filter();
    if (!test::NaiveIsFilter(wide) || !test::NaiveIsFilter(narrow)) {
      return;
    }
    const bool covered = FilterCovers(wide, narrow);
    covers += covered ? 1 : 0;
    ASSERT_TRUE(FilterCovers(">", narrow) && FilterCovers(narrow, narrow)) << narrow;
    for (int i = 0; i < 10; ++i) {
      // A topic of the narrow filter: `*` is a token, `>` a few.
      std::string topic;
      for (const std::string& token : test::TokensOf(narrow)) {
        const size_t tokens = token == ">" ? 1 + random.Below(3) : 1;
        for (size_t k = 0; k < tokens; ++k) {
          const bool any = token == "*" || token == ">";
          topic += (topic.empty() ? "" : ".") + (any ? random.Text("abz", 1) : token);
        }
      }
      if (covered && test::NaiveIsTopic(topic)) {
        ASSERT_TRUE(FilterMatches(wide, topic)) << wide << " covers " << narrow << " but not " << topic;
        ++matched_by_both;
      }
    }
    if (!covered) {
      // The topic that is hardest to match: tokens that no filter names, and one more for `>`.
      std::string topic;
      for (const std::string& token : test::TokensOf(narrow)) {
        topic += (topic.empty() ? "" : ".") + (token == "*" ? "zz" : token == ">" ? std::string("zz.zz") : token);
      }
      std::string short_topic = topic;
      if (narrow.ends_with(">")) {
        short_topic.resize(short_topic.size() - 3);
      }
      if (test::NaiveIsTopic(topic)) {
        ASSERT_FALSE(FilterMatches(wide, topic) && FilterMatches(wide, short_topic)) << wide << " " << narrow;
      }
    }
  });
  EXPECT_GT(covers, 300);
  EXPECT_GT(matched_by_both, 1000);
}

}  // namespace
}  // namespace weir
