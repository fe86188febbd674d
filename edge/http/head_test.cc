#include "edge/http/head.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::edge {
namespace {

RequestHead Good(const std::string& text) {
  const auto result = ParseHead(text);
  EXPECT_TRUE(std::holds_alternative<RequestHead>(result)) << text;
  return std::holds_alternative<RequestHead>(result) ? std::get<RequestHead>(result) : RequestHead();
}

int FaultOf(const std::string& text) {
  const auto result = ParseHead(text);
  return std::holds_alternative<HeadFault>(result) ? std::get<HeadFault>(result).problem.status : 0;
}

TEST(HeadTest, TakesWhatIsUsed) {
  const RequestHead head = Good(
      "GET /api/sse?x=1 HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\naccept: application/json\r\n"
      "Authorization: Bearer t\r\nLast-Event-ID: abcdefgh-1\r\nOrigin: https://a\r\nIf-None-Match: \"x\"\r\n\r\n");
  EXPECT_EQ(head.method, "GET");
  EXPECT_EQ(head.target, "/api/sse?x=1");
  EXPECT_TRUE(head.http11);
  EXPECT_TRUE(head.keep_alive);
  EXPECT_FALSE(head.has_body);
  EXPECT_EQ(head.accept, "text/event-stream,application/json");
  EXPECT_EQ(head.authorization, "Bearer t");
  EXPECT_EQ(head.last_event_id, "abcdefgh-1");
  EXPECT_EQ(head.origin, "https://a");
  EXPECT_EQ(head.if_none_match, "\"x\"");
}

TEST(HeadTest, KnowsWhetherTheConnectionGoesOn) {
  EXPECT_FALSE(Good("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").keep_alive);
  EXPECT_FALSE(Good("GET / HTTP/1.0\r\n\r\n").keep_alive);
  EXPECT_FALSE(Good("GET / HTTP/1.0\r\n\r\n").http11);
  EXPECT_TRUE(Good("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").keep_alive);
}

TEST(HeadTest, SeesABody) {
  EXPECT_TRUE(Good("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n").has_body);
  EXPECT_TRUE(Good("GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n").has_body);
  EXPECT_FALSE(Good("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n").has_body);
}

TEST(HeadTest, SkipsEmptyLinesBeforeTheRequest) {
  EXPECT_EQ(Good("\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n").method, "GET");
}

TEST(HeadTest, KnowsAPreflight) {
  EXPECT_TRUE(Good("OPTIONS / HTTP/1.1\r\nHost: h\r\nAccess-Control-Request-Method: GET\r\n\r\n").preflight);
  EXPECT_FALSE(Good("OPTIONS / HTTP/1.1\r\nHost: h\r\n\r\n").preflight);
}

TEST(HeadTest, RefusesWhatIsMalformed) {
  for (const std::string bad :
       {"GET\r\n\r\n",
        "GET /\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: h\r\n\r\n",
        "G\x01T / HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nbad header\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nX : y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nLast-Event-ID: a\r\nLast-Event-ID: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nOrigin: a\r\nOrigin: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nX: a\x01\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \r\n\r\n",
        "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\nX: a\r\n\r\n"}) {
    EXPECT_EQ(FaultOf(bad), 400) << bad;
  }
}

TEST(HeadTest, RefusesOtherVersions) {
  EXPECT_EQ(FaultOf("PRI * HTTP/2.0\r\n\r\n"), 505);
  EXPECT_EQ(FaultOf("GET / HTTP/3.0\r\nHost: h\r\n\r\n"), 505);
}

TEST(HeadTest, FindsTheEndOfAHead) {
  const std::string head = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  EXPECT_EQ(HeadSize(head, 0), head.size());
  EXPECT_EQ(HeadSize(head + "GET /", 0), head.size());
  for (size_t cut = 0; cut < head.size(); ++cut) {
    EXPECT_EQ(HeadSize(head.substr(0, cut), 0), 0U) << cut;
    EXPECT_EQ(HeadSize(head, cut), head.size()) << cut;
  }
  EXPECT_EQ(HeadSize("\r\n\r\n" + head, 0), head.size() + 4);
  EXPECT_EQ(HeadSize("\r\n\r\n", 0), 0U);
}

TEST(HeadTest, TellsEarlyWhatIsNoRequest) {
  for (const std::string_view good : {"", "\r\n", "\r\n\r\nG", "GET", "g"}) {
    EXPECT_TRUE(MayBeRequest(good));
  }
  for (const std::string_view bad : {"\x16\x03\x01", "\r\n\x16", " GET", "1", "{"}) {
    EXPECT_FALSE(MayBeRequest(bad));
  }
}

}  // namespace
}  // namespace weir::edge
