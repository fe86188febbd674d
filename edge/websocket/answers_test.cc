#include "edge/websocket/answers.h"

#include "edge/testing/client_frame.h"
#include "edge/websocket/allowed_filters.h"
#include "gtest/gtest.h"

namespace weir::edge {
namespace {

std::string TextOf(const std::string& bytes) {
  const std::vector<ServerFrame> frames = ServerFrames(bytes);
  return frames.size() == 1 && frames[0].opcode == Opcode::kText ? frames[0].payload : "";
}

TEST(Answers, AreMessages) {
  std::string out;
  AppendAuthSuccess(absl::FromUnixSeconds(1'800'000'000), out);
  EXPECT_EQ(TextOf(out), R"({"type":"auth.success","expiresAt":"2027-01-15T08:00:00Z"})");
  out.clear();
  AppendAuthSuccess(absl::InfiniteFuture(), out);
  EXPECT_EQ(TextOf(out), R"({"type":"auth.success"})");
  out.clear();
  AppendAuthError(reason::kTokenInvalid, "say \"please\"", out);
  EXPECT_EQ(TextOf(out), R"({"type":"auth.error","reason":"TOKEN_INVALID","detail":"say \"please\""})");
  out.clear();
  AppendError(reason::kMessageInvalid, "no", out);
  EXPECT_EQ(TextOf(out), R"({"type":"error","reason":"MESSAGE_INVALID","detail":"no"})");
  out.clear();
  AppendSubscribed({"a", "b.*"}, "abcdefgh-3", out);
  EXPECT_EQ(TextOf(out), R"({"type":"subscribed","filters":["a","b.*"],"cursor":"abcdefgh-3"})");
  out.clear();
  AppendSubscribed({"a"}, "", out);
  EXPECT_EQ(TextOf(out), R"({"type":"subscribed","filters":["a"],"cursor":null})");
  out.clear();
  AppendPongMessage(out);
  EXPECT_EQ(TextOf(out), R"({"type":"pong"})");
}

TEST(AllowedFilters, AreThoseThatOneCovers) {
  const std::vector<std::string> allowed = {"tenants.t1.>", "all.*"};
  for (const std::string_view good : {"tenants.t1.>", "tenants.t1.goals", "tenants.t1.*.x", "all.*", "all.news"}) {
    EXPECT_TRUE(IsAllowedFilter(good, allowed)) << good;
  }
  for (const std::string_view bad : {"tenants.t2.goals", "tenants.*.goals", "tenants.>", ">", "tenants.t1", "all.>",
                                     "all.a.b", "", "tenants.t1.a b", "tenants.t1..", "tenants.t1.>.x"}) {
    EXPECT_FALSE(IsAllowedFilter(bad, allowed)) << bad;
  }
}

}  // namespace
}  // namespace weir::edge
