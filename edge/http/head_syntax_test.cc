#include "edge/http/head_syntax.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::edge {
namespace {

int BytesOf(std::string_view bytes, size_t seen = 0) {
  const auto fault = FaultInBytes(bytes, seen);
  return fault ? fault->problem.status : 0;
}

int LinesOf(const std::string& head) {
  const auto fault = FaultInLines(head + "\r\n");
  return fault ? fault->problem.status : 0;
}

TEST(HeadSyntaxTest, SeesBytesThatNoHeadHasAsTheyCome) {
  for (const std::string_view good : {"", "\r\n", "GET / HTTP/1.1\r", "GET / HTTP/1.1\r\nX: \t\xC3\xA9\r\n\r\n"}) {
    EXPECT_EQ(BytesOf(good), 0) << good;
  }
  using namespace std::string_view_literals;
  for (const std::string_view bad : {"\n"sv, "GET / HTTP/1.1\n"sv, "GET /\r HTTP"sv, "a\0"sv, "a\x01"sv, "a\x1F"sv,
                                     "a\x7F"sv, "\r\r\n"sv, "a\r\n\n"sv, "\v"sv, "\f"sv}) {
    EXPECT_EQ(BytesOf(bad), 400) << bad;
  }
}

TEST(HeadSyntaxTest, SeesThemWhereverTheBytesAreCut) {
  for (const std::string_view bad : {"GET / HTTP/1.1\r\nA: b\nC: d", "GET / HTTP/1.1\rX", "GET / HTTP/1.1\r\n\x02"}) {
    for (size_t cut = 0; cut < bad.size(); ++cut) {
      EXPECT_TRUE(BytesOf(bad.substr(0, cut)) == 400 || BytesOf(bad, cut) == 400) << cut;
    }
  }
}

TEST(HeadSyntaxTest, TakesPlainHeads) {
  for (const std::string good :
       {"GET / HTTP/1.1\r\nHost: h\r\n", "GET / HTTP/1.0\r\n", "get / HTTP/1.1\r\nX:\r\n",
        "M!#$%&'*+-.^_`|~9 * HTTP/1.1\r\n", "GET / HTTP/1.1\r\nX:y\r\nX:  y  \r\nY: a:b\r\n"}) {
    EXPECT_EQ(LinesOf(good), 0) << good;
  }
}

TEST(HeadSyntaxTest, RefusesLinesThatAreReadInDifferentWays) {
  for (const std::string bad : {"GET\r\n",
                                "GET /\r\n",
                                "GET  / HTTP/1.1\r\n",
                                "GET / HTTP/1.1 \r\n",
                                " GET / HTTP/1.1\r\n",
                                "GET /  HTTP/1.1\r\n",
                                "GET / x HTTP/1.1\r\n",
                                "GET\t/ HTTP/1.1\r\n",
                                "G@T / HTTP/1.1\r\n",
                                "GET / http/1.1\r\n",
                                "GET / HTTP/1\r\n",
                                "GET / HTTP/11.1\r\n",
                                "GET / HTTP/1.x\r\n",
                                "GET / HTTP/1.1\r\n folded\r\n",
                                "GET / HTTP/1.1\r\nA: b\r\n\tc\r\n",
                                "GET / HTTP/1.1\r\nA : b\r\n",
                                "GET / HTTP/1.1\r\nA\t: b\r\n",
                                "GET / HTTP/1.1\r\n: b\r\n",
                                "GET / HTTP/1.1\r\nno colon\r\n",
                                "GET / HTTP/1.1\r\nA\r\n",
                                "GET / HTTP/1.1\r\nA(: b\r\n",
                                "GET / HTTP/1.1\r\n\xC3\xA9: b\r\n"}) {
    EXPECT_EQ(LinesOf(bad), 400) << bad;
  }
}

TEST(HeadSyntaxTest, KnowsItsBounds) {
  const std::string line = "GET / HTTP/1.1\r\n";
  std::string headers;
  for (size_t i = 0; i < kHeaderLinesMax; ++i) {
    headers += "A: b\r\n";
  }
  EXPECT_EQ(LinesOf(line + headers), 0);
  EXPECT_EQ(LinesOf(line + headers + "A: b\r\n"), 431);
  const std::string target(kTargetBytesMax, '/');
  EXPECT_EQ(LinesOf("GET " + target + " HTTP/1.1\r\n"), 0);
  EXPECT_EQ(LinesOf("GET " + target + "/ HTTP/1.1\r\n"), 414);
  const std::string method(kMethodBytesMax, 'M');
  EXPECT_EQ(LinesOf(method + " / HTTP/1.1\r\n"), 0);
  EXPECT_EQ(LinesOf(method + "M / HTTP/1.1\r\n"), 400);
}

TEST(HeadSyntaxTest, RefusesOtherVersions) {
  for (const std::string version : {"HTTP/2.0", "HTTP/0.9", "HTTP/1.2", "HTTP/3.0"}) {
    EXPECT_EQ(LinesOf("GET / " + version + "\r\n"), 505) << version;
  }
}

TEST(HeadSyntaxTest, KnowsALength) {
  for (const std::string_view good : {"0", "1", "007", "999999999999999999"}) {
    EXPECT_TRUE(IsContentLength(good)) << good;
  }
  for (const std::string_view bad : {"", "-1", "+1", "1,1", "0x1", "1 1", "1.0", "9999999999999999999"}) {
    EXPECT_FALSE(IsContentLength(bad)) << bad;
  }
}

TEST(HeadSyntaxTest, KnowsAHost) {
  for (const std::string_view good :
       {"", "h", "app.example.com", "app.example.com:8080", "127.0.0.1:80", "[::1]", "[::1]:8080", "h:", "a_b"}) {
    EXPECT_TRUE(IsHost(good)) << good;
  }
  for (const std::string_view bad : {"a b", "a/b", "a@b", "h:80:80", "h:x", "h:123456", "[::1", "[]", "[::1]x", "[x]",
                                     "a,b", "a\tb", "h?x", "\xC3\xA9", "::1"}) {
    EXPECT_FALSE(IsHost(bad)) << bad;
  }
}

}  // namespace
}  // namespace weir::edge
