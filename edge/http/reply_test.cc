#include "edge/http/reply.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace weir::edge {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1795281656);

TEST(ReplyTest, WritesAnAnswer) {
  EXPECT_EQ(Serialise({.status = 200, .headers = "A: b\r\n", .body = "{}"}, {.now = kNow}),
            "HTTP/1.1 200 OK\r\nA: b\r\nX-Content-Type-Options: nosniff\r\nDate: Sat, 21 Nov 2026 17:20:56 GMT\r\n"
            "Content-Length: 2\r\n\r\n{}");
}

TEST(ReplyTest, SaysWhetherTheConnectionGoesOn) {
  const Reply reply{.body = "x"};
  EXPECT_EQ(Serialise(reply, {.now = kNow}).find("Connection:"), std::string::npos);
  EXPECT_NE(Serialise(reply, {.keep_alive = false, .now = kNow}).find("Connection: close\r\n"), std::string::npos);
  EXPECT_NE(Serialise(reply, {.http11 = false, .now = kNow}).find("Connection: keep-alive\r\n"), std::string::npos);
  EXPECT_NE(Serialise({.body = "x", .close = true}, {.now = kNow}).find("Connection: close\r\n"), std::string::npos);
}

TEST(ReplyTest, LeavesTheBodyOutWhereThereMustBeNone) {
  const std::string head = Serialise({.body = "abc"}, {.head_only = true, .now = kNow});
  EXPECT_NE(head.find("Content-Length: 3\r\n"), std::string::npos);
  EXPECT_TRUE(head.ends_with("\r\n\r\n"));
  const std::string known = Serialise({.length = 3}, {.head_only = true, .now = kNow});
  EXPECT_EQ(known, head) << "as of the body that was not made";
  // HEAD of what was not made: its length is not known (RFC 9110, 8.6).
  EXPECT_EQ(Serialise({.body = ""}, {.head_only = true, .now = kNow}).find("Content-Length"), std::string::npos);
  for (const int status : {204, 304}) {
    const std::string text = Serialise({.status = status, .body = "abc"}, {.now = kNow});
    EXPECT_EQ(text.find("Content-Length"), std::string::npos);
    EXPECT_TRUE(text.ends_with("\r\n\r\n"));
  }
}

TEST(ReplyTest, EndsAStreamSoThatItIsSeenToBeWhole) {
  const Reply reply{.body = "data: x\n\n", .is_stream = true, .close = true};
  const std::string text = Serialise(reply, {.now = kNow});
  EXPECT_TRUE(text.ends_with("\r\n\r\n9\r\ndata: x\n\n\r\n0\r\n\r\n")) << text;
  for (const std::string_view line :
       {"Content-Type: text/event-stream\r\n", "Cache-Control: no-cache\r\n", "Connection: keep-alive\r\n",
        "X-Accel-Buffering: no\r\n", "X-Content-Type-Options: nosniff\r\n", "Transfer-Encoding: chunked\r\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line;
  }
  EXPECT_EQ(text.find("Content-Length"), std::string::npos);
  const std::string old = Serialise(reply, {.http11 = false, .now = kNow});
  EXPECT_TRUE(old.ends_with("\r\n\r\ndata: x\n\n")) << old;
  EXPECT_EQ(old.find("chunked"), std::string::npos);
}

TEST(ReplyTest, DescribesAProblem) {
  const Reply reply = ProblemReply(problem::kUnauthorized, "no \"token\"\xFF", "X: y\r\n");
  EXPECT_EQ(reply.status, 401);
  EXPECT_NE(reply.headers.find("Content-Type: application/problem+json\r\n"), std::string::npos);
  EXPECT_NE(reply.headers.find("X: y\r\n"), std::string::npos);
  const auto body = nlohmann::json::parse(reply.body);
  EXPECT_EQ(body["type"], "urn:weir:problem:unauthorized");
  EXPECT_EQ(body["status"], 401);
  EXPECT_EQ(body["detail"], "no \"token\"\xEF\xBF\xBD");
  EXPECT_FALSE(nlohmann::json::parse(ProblemBody(problem::kNotFound, "")).contains("detail"));
}

TEST(ReplyTest, HasAPhraseForEveryProblem) {
  for (const Problem& problem :
       {problem::kBadRequest, problem::kUnauthorized, problem::kForbidden, problem::kNotFound,
        problem::kMethodNotAllowed, problem::kNotAcceptable, problem::kTimeout, problem::kBodyRefused,
        problem::kTargetTooLong, problem::kTooManyConnections, problem::kHeadTooLarge, problem::kOverloaded,
        problem::kDraining, problem::kUnavailable, problem::kVersion, problem::kHostRefused}) {
    EXPECT_NE(ReasonPhrase(problem.status), "Internal Server Error") << problem.name;
  }
}

}  // namespace
}  // namespace weir::edge
