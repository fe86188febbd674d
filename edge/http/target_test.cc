#include "edge/http/target.h"

#include <gtest/gtest.h>

namespace weir::edge {
namespace {

TEST(TargetTest, SplitsPathAndQuery) {
  const auto target = ParseTarget("/api/sse?a=1&b=&c&&d=x%20y+z%2B%26%3D");
  ASSERT_TRUE(target.ok()) << target.status();
  EXPECT_EQ(target->path, "/api/sse");
  EXPECT_EQ(target->query.Find("a"), "1");
  EXPECT_EQ(target->query.Find("b"), "");
  EXPECT_EQ(target->query.Find("c"), "");
  EXPECT_EQ(target->query.Find("d"), "x y z+&=");
  EXPECT_EQ(target->query.Find("e"), std::nullopt);
  EXPECT_EQ(target->query.size(), 4U);
}

TEST(TargetTest, DecodesThePath) { EXPECT_EQ(ParseTarget("/%61pi/s%C3%A9/a+b")->path, "/api/s\xC3\xA9/a+b"); }

TEST(TargetTest, RefusesTheFormsThatAreMeantForProxies) {
  for (const std::string_view bad :
       {"http://example.com:80/x?y=1", "http://example.com", "https://h/x", "HTTP://h/", "h:443", "*"}) {
    EXPECT_EQ(ParseTarget(bad).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
}

TEST(TargetTest, CountsRepeatedNames) {
  const auto target = ParseTarget("/x?a=1&b=2&%61=3");
  EXPECT_EQ(target->query.Count("a"), 2U);
  EXPECT_EQ(target->query.Find("a"), "1");
}

TEST(TargetTest, KeepsDecodedDelimitersInsideValues) {
  const auto target = ParseTarget("/x?a=b=c&d=%3Fe");
  EXPECT_EQ(target->query.Find("a"), "b=c");
  EXPECT_EQ(target->query.Find("d"), "?e");
}

TEST(TargetTest, RefusesWhatIsNotStrictlyEncoded) {
  for (const std::string_view bad : {"",
                                     "*",
                                     "x",
                                     "api/sse",
                                     "//%",
                                     "/%",
                                     "/%4",
                                     "/%4g",
                                     "/%g4",
                                     "/%00",
                                     "/%0a",
                                     "/%0D",
                                     "/%1f",
                                     "/%7F",
                                     "/a b",
                                     "/a\tb",
                                     "/\xC3\xA9",
                                     "/a%2Fb",
                                     "/a%2fb",
                                     "/a%5Cb",
                                     "/a\\b",
                                     "/x#y",
                                     "/x?a=%",
                                     "/x?a=%zz",
                                     "/x?%=1",
                                     "/x?a=%00",
                                     "/x?a=%0A",
                                     "/x?a=%FF",
                                     "/x?a=%C3",
                                     "/x?a=%C0%80",
                                     "/x?a=%ED%A0%80",
                                     "/x?a=%F5%80%80%80",
                                     "/x?%FF=1",
                                     "ftp://x/y"}) {
    EXPECT_EQ(ParseTarget(bad).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
}

TEST(TargetTest, NeverRepeatsTheTargetInItsErrors) {
  EXPECT_EQ(ParseTarget("/x?token=secret%zz").status().ToString().find("secret"), std::string::npos);
}

TEST(TargetTest, RefusesTooManyParameters) {
  std::string target = "/x?";
  for (size_t i = 0; i < kQueryParametersMax; ++i) {
    target += "a=1&";
  }
  EXPECT_TRUE(ParseTarget(target).ok());
  EXPECT_FALSE(ParseTarget(target + "a=1").ok());
}

TEST(TargetTest, KnowsUtf8) {
  for (const std::string_view good : {"", "a", "\xC2\x80", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(IsUtf8(good)) << good;
  }
  for (const std::string_view bad : {"\x80", "\xC1\xBF", "\xE0\x80\x80", "\xF0\x80\x80\x80", "\xF4\x90\x80\x80",
                                     "\xE2\x82", "\xED\xBF\xBF", "\xC2\x41"}) {
    EXPECT_FALSE(IsUtf8(bad)) << bad;
  }
}

}  // namespace
}  // namespace weir::edge
