#include "base/topic.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/text.h"

namespace weir {
namespace {

using testing::HasSubstr;

std::string Tokens(size_t count, std::string_view token = "a") {
  std::string text;
  for (size_t i = 0; i < count; ++i) {
    text += (i == 0 ? "" : ".");
    text += token;
  }
  return text;
}

void ExpectInvalid(const absl::Status& status, std::string_view text, std::string_view why) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
  EXPECT_THAT(std::string(Message(status)), HasSubstr(std::string(why))) << text;
}

TEST(ValidateTopic, TakesTheGrammar) {
  for (const std::string& topic :
       {std::string("a"), std::string("vehicles.updates"), std::string("tenants.A-1_b.goals"), std::string("-._.9"),
        Tokens(16), std::string(256, 'a'), Tokens(16, "0123456789abcde") + "f"}) {
    EXPECT_TRUE(ValidateTopic(topic).ok()) << topic;
    EXPECT_TRUE(ValidateFilter(topic).ok()) << topic;
  }
}

TEST(ValidateTopic, RefusesAllElse) {
  ExpectInvalid(ValidateTopic(""), "", "it is empty");
  ExpectInvalid(ValidateTopic(Tokens(17)), "17 tokens", "more than 16 tokens");
  ExpectInvalid(ValidateTopic(std::string(257, 'a')), "257 bytes", "257 bytes; at most 256");
  for (const std::string_view topic :
       {".", ".a", "a.", "a..b", "a b", "a.*", "*", ">", "a.>", "a/b", "a\n", "caf\xc3\xa9", "a:b", "{jwt.sub}"}) {
    ExpectInvalid(ValidateTopic(topic), topic, "allowed is [A-Za-z0-9_-]+");
  }
  ExpectInvalid(ValidateTopic(std::string_view("a\0", 2)), "NUL", "token 1 is \"a\\x00\"");
}

TEST(ValidateFilter, TakesWildcardsWhereTheyMayStand) {
  for (const std::string& filter : {std::string("*"), std::string(">"), std::string("*.*"), std::string("a.*.b"),
                                    std::string("a.>"), std::string("*.>"), Tokens(16, "*"), Tokens(15) + ".>"}) {
    EXPECT_TRUE(ValidateFilter(filter).ok()) << filter;
  }
}

TEST(ValidateFilter, RefusesAllElse) {
  ExpectInvalid(ValidateFilter(""), "", "it is empty");
  ExpectInvalid(ValidateFilter(Tokens(16) + ".>"), "17 tokens", "more than 16 tokens");
  for (const std::string_view filter :
       {">.", ">.a", "a.>.b", ">.>", "a*", "*a", "**", "a.b>", ">>", "a..>", ".>", "*.", " *"}) {
    ExpectInvalid(ValidateFilter(filter), filter, "\">\" at the end");
  }
}

TEST(ValidateTopic, QuotesWhatItRefuses) {
  const std::string message(Message(ValidateTopic("a.b\nX-Injected: 1")));
  EXPECT_THAT(message, testing::Not(HasSubstr("\n")));
  EXPECT_THAT(message, HasSubstr("token 2"));
}

TEST(IsToken, IsOneLiteralToken) {
  for (const std::string& token : {std::string("a"), std::string("A-z_09"), std::string(256, 'a')}) {
    EXPECT_TRUE(IsToken(token)) << token;
  }
  for (const std::string& token : {std::string(), std::string("a.b"), std::string("*"), std::string(">"),
                                   std::string("a b"), std::string("\xc3\xa9"), std::string(257, 'a')}) {
    EXPECT_FALSE(IsToken(token)) << token;
  }
}

TEST(FilterMatches, FollowsTheGrammarOfWildcards) {
  const struct {
    const char* filter;
    const char* topic;
    bool matches;
  } kCases[] = {
      {"a", "a", true},         {"a", "b", false},        {"a", "a.b", false},       {"a.b", "a", false},
      {"a", "A", false},        {"a", "aa", false},       {"*", "a", true},          {"*", "a.b", false},
      {"*.b", "a.b", true},     {"*.b", "a.c", false},    {"a.*", "a.b", true},      {"a.*", "a", false},
      {"a.*", "a.b.c", false},  {"a.*.c", "a.b.c", true}, {"a.*.c", "a.b.d", false}, {">", "a", true},
      {">", "a.b.c", true},     {"a.>", "a", false},      {"a.>", "a.b", true},      {"a.>", "a.b.c.d", true},
      {"a.>", "b.b", false},    {"*.>", "a", false},      {"*.>", "a.b", true},      {"*.*.>", "a.b", false},
      {"a.*.>", "a.b.c", true}, {"a.*.>", "a.b", false},  {"a.b", "a.b.c", false},   {"a.b.c", "a.b", false},
  };
  for (const auto& test : kCases) {
    EXPECT_EQ(FilterMatches(test.filter, test.topic), test.matches) << test.filter << " " << test.topic;
  }
}

TEST(HasWildcard, KnowsExactFilters) {
  EXPECT_FALSE(HasWildcard("a.b"));
  EXPECT_TRUE(HasWildcard("a.*"));
  EXPECT_TRUE(HasWildcard(">"));
}

}  // namespace
}  // namespace weir
