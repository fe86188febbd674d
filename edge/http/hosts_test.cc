#include "edge/http/hosts.h"

#include <gtest/gtest.h>

namespace weir::edge {
namespace {

TEST(HostsTest, WithoutRulesEveryHostIsAllowed) {
  for (const char* const host : {"", "evil.example", "127.0.0.1:8080"}) {
    EXPECT_TRUE(IsAllowedHost({}, host)) << host;
  }
}

TEST(HostsTest, AllowsWhatOneOfTheRulesNames) {
  const std::vector<std::string> rules = {"app.example.com", "*.weir.example", "localhost", "127.0.0.1", "[::1]"};
  for (const char* const host : {"app.example.com", "App.Example.COM", "app.example.com:8080", "a.weir.example",
                                 "a.b.weir.example:80", "localhost:8080", "127.0.0.1:8080", "[::1]", "[::1]:8080"}) {
    EXPECT_TRUE(IsAllowedHost(rules, host)) << host;
  }
  for (const char* const host : {"", ":8080", "evil.example", "app.example.com.evil.example", "xapp.example.com",
                                 "app.example.com.", "weir.example", ".weir.example", "evilweir.example", "127.0.0.2",
                                 "[::2]", "[::1", "::1", "evil.example:app.example.com"}) {
    EXPECT_FALSE(IsAllowedHost(rules, host)) << host;
  }
}

TEST(HostsTest, KnowsARule) {
  for (const char* const rule : {"app.example.com", "*.example.com", "localhost", "127.0.0.1", "[::1]", "a_b-c"}) {
    EXPECT_TRUE(IsHostRule(rule)) << rule;
  }
  for (const char* const rule : {"", "*", "*.", "*example.com", "a.*.b", "App.example.com", "app.example.com:80",
                                 "https://app.example.com", "a..b", ".a", "a.", "[]", "[::1", "::1", "a b", "a/b"}) {
    EXPECT_FALSE(IsHostRule(rule)) << rule;
  }
  EXPECT_TRUE(IsHostRule(std::string(255, 'a')));
  EXPECT_FALSE(IsHostRule(std::string(256, 'a')));
}

}  // namespace
}  // namespace weir::edge
