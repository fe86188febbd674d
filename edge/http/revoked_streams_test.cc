#include "edge/http/revoked_streams.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "edge/http/fake_hub.h"

namespace weir::edge {
namespace {

// Counts what it is asked, and ends nothing until it is told to.
class BusyHub : public test::FakeHub {
 public:
  void EndStreams(Judgement judgement, absl::Duration retry_max, std::function<void()> done) override {
    judgements_.push_back(std::move(judgement));
    retry_max_ = retry_max;
    done_ = std::move(done);
  }
  void Turn() {
    context().restart();
    context().poll();
  }
  void Finish() { std::exchange(done_, nullptr)(); }

  std::vector<Judgement> judgements_;
  absl::Duration retry_max_;
  std::function<void()> done_;
};

RevocationTable Revoked(const std::string& id) {
  v1::TokenRevocation revocation;
  revocation.set_token_id(id);
  revocation.mutable_expire_time()->set_seconds(absl::ToUnixSeconds(absl::Now() + absl::Hours(1)));
  RevocationTable table;
  table.Add(revocation);
  return table;
}

TokenMarks Token(const std::string& id) {
  JwtClaims claims;
  claims.claims = {{"jti", id}};
  return MarksOf(claims);
}

bool Ends(const Hub::Judgement& judgement, const std::string& id) {
  return judgement(Route(), Token(id)) == Hub::Fate::kRevoked;
}

TEST(RevokedStreamsTest, GathersWhatComesWhileAHubIsBusyAndOthersDoNotWait) {
  BusyHub busy;
  BusyHub other;
  RevokedStreams streams({&busy, &other}, absl::Seconds(3));
  streams.End(Revoked("a"));
  streams.End(Revoked("b"));
  streams.End(Revoked("c"));
  busy.Turn();
  ASSERT_EQ(busy.judgements_.size(), 1U);
  EXPECT_EQ(busy.retry_max_, absl::Seconds(3));
  EXPECT_TRUE(Ends(busy.judgements_[0], "a"));
  EXPECT_FALSE(Ends(busy.judgements_[0], "b"));

  other.Turn();
  other.Finish();
  other.Turn();
  ASSERT_EQ(other.judgements_.size(), 2U) << "though the first hub has not finished";
  EXPECT_TRUE(Ends(other.judgements_[1], "b"));
  EXPECT_TRUE(Ends(other.judgements_[1], "c"));

  streams.SetRetryMax(absl::Seconds(5));
  busy.Finish();
  busy.Turn();
  ASSERT_EQ(busy.judgements_.size(), 2U) << "one look for all that waited";
  EXPECT_EQ(busy.retry_max_, absl::Seconds(5));
  EXPECT_FALSE(Ends(busy.judgements_[1], "a"));
  EXPECT_TRUE(Ends(busy.judgements_[1], "b"));
  EXPECT_TRUE(Ends(busy.judgements_[1], "c"));
  busy.Finish();
  busy.Turn();
  EXPECT_EQ(busy.judgements_.size(), 2U) << "nothing waits";
  streams.End(Revoked("d"));
  busy.Turn();
  ASSERT_EQ(busy.judgements_.size(), 3U);
  EXPECT_TRUE(Ends(busy.judgements_[2], "d"));
}

TEST(RevokedStreamsTest, MayBeGoneBeforeAHubHasFinished) {
  BusyHub hub;
  {
    RevokedStreams streams({&hub}, absl::ZeroDuration());
    streams.End(Revoked("a"));
    hub.Turn();
    streams.End(Revoked("b"));
  }
  hub.Finish();
  hub.Turn();
  ASSERT_EQ(hub.judgements_.size(), 2U);
  EXPECT_TRUE(Ends(hub.judgements_[1], "b"));
}

}  // namespace
}  // namespace weir::edge
