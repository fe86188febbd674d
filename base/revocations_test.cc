#include "base/revocations.h"

#include <gtest/gtest.h>

#include <string>

namespace weir {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

JwtClaims Claims(nlohmann::json claims) {
  JwtClaims out;
  out.subject = claims.value("sub", "");
  out.claims = std::move(claims);
  return out;
}

TokenMarks Marks(nlohmann::json claims) { return MarksOf(Claims(std::move(claims))); }

int64_t Seconds(absl::Duration after = absl::ZeroDuration()) { return absl::ToUnixSeconds(kNow + after); }

v1::TokenRevocation Subject(const std::string& subject, absl::Duration lasts = absl::Hours(1)) {
  v1::TokenRevocation revocation;
  revocation.set_subject(subject);
  revocation.mutable_issued_until()->set_seconds(Seconds());
  revocation.mutable_issued_until()->set_nanos(900'000'000);
  revocation.mutable_expire_time()->set_seconds(Seconds(lasts));
  return revocation;
}

v1::TokenRevocation Token(const std::string& id) {
  v1::TokenRevocation revocation;
  revocation.set_token_id(id);
  revocation.mutable_expire_time()->set_seconds(Seconds(absl::Hours(1)));
  return revocation;
}

RevocationTable TableOf(const std::vector<v1::TokenRevocation>& revocations) {
  RevocationTable table;
  for (const v1::TokenRevocation& revocation : revocations) {
    table.Add(revocation);
  }
  return table;
}

TEST(RevocationTableTest, RevokesWhatASubjectWasGivenBefore) {
  const RevocationTable table = TableOf({Subject("ann")});
  EXPECT_TRUE(table.Revokes(Marks({{"sub", "ann"}, {"iat", Seconds(-absl::Hours(1))}}), kNow));
  EXPECT_TRUE(table.Revokes(Marks({{"sub", "ann"}, {"iat", Seconds()}}), kNow)) << "in the same second";
  EXPECT_TRUE(table.Revokes(Marks({{"sub", "ann"}}), kNow)) << "when it was issued is not said";
  EXPECT_FALSE(table.Revokes(Marks({{"sub", "ann"}, {"iat", Seconds(absl::Seconds(1))}}), kNow));
  EXPECT_FALSE(table.Revokes(Marks({{"sub", "Ann"}}), kNow));
  EXPECT_FALSE(table.Revokes(Marks({{"sub", "bob"}, {"jti", "ann"}}), kNow)) << "a name is of its kind";
  EXPECT_FALSE(table.Revokes(TokenMarks(), kNow));
}

TEST(RevocationTableTest, RevokesOneTokenOfASubject) {
  const RevocationTable table = TableOf({Token("t1")});
  EXPECT_TRUE(table.Revokes(Marks({{"sub", "ann"}, {"jti", "t1"}, {"iat", Seconds(absl::Hours(2))}}), kNow));
  EXPECT_FALSE(table.Revokes(Marks({{"sub", "ann"}, {"jti", "t2"}}), kNow));
  EXPECT_FALSE(table.Revokes(Marks({{"sub", "t1"}}), kNow));
}

TEST(RevocationTableTest, AnIssuerIsExactAndNoneMeansEvery) {
  v1::TokenRevocation of_one = Subject("ann");
  of_one.set_issuer("https://a");
  const RevocationTable one = TableOf({of_one});
  EXPECT_TRUE(one.Revokes(Marks({{"iss", "https://a"}, {"sub", "ann"}}), kNow));
  EXPECT_FALSE(one.Revokes(Marks({{"iss", "https://b"}, {"sub", "ann"}}), kNow));
  EXPECT_FALSE(one.Revokes(Marks({{"sub", "ann"}}), kNow));
  const RevocationTable every = TableOf({Subject("ann")});
  EXPECT_TRUE(every.Revokes(Marks({{"iss", "https://b"}, {"sub", "ann"}}), kNow));
}

TEST(RevocationTableTest, IsInForceUntilItsTime) {
  RevocationTable table = TableOf({Subject("ann"), Token("t1")});
  const absl::Time last = kNow + absl::Hours(1) - absl::Milliseconds(1);
  EXPECT_TRUE(table.Revokes(Marks({{"sub", "ann"}}), last));
  EXPECT_FALSE(table.Revokes(Marks({{"sub", "ann"}}), kNow + absl::Hours(1)));
  table.DropExpired(last);
  EXPECT_EQ(table.size(), 2);
  table.DropExpired(kNow + absl::Hours(1));
  EXPECT_EQ(table.size(), 0);
}

TEST(RevocationTableTest, TheLaterOneDoesNotWeakenTheEarlier) {
  v1::TokenRevocation brief = Subject("ann", absl::Minutes(1));
  v1::TokenRevocation early = Subject("ann");
  early.mutable_issued_until()->set_seconds(Seconds(-absl::Hours(1)));
  for (const RevocationTable& table : {TableOf({brief, early}), TableOf({early, brief})}) {
    EXPECT_TRUE(table.Revokes(Marks({{"sub", "ann"}, {"iat", Seconds()}}), kNow + absl::Minutes(2)));
  }
}

class RevocationsTest : public ::testing::Test {
 protected:
  RevocationsTest() { clock.Set(kNow); }

  absl::StatusCode Judge(nlohmann::json claims) const {
    return revocations.Judge(Marks(std::move(claims)), clock.Now()).code();
  }
  double Metric(const std::string& name) const {
    for (const prometheus::MetricFamily& family : revocations.Collect()) {
      if (family.name == name) {
        return family.metric[0].gauge.value;
      }
    }
    return -1;
  }

  SimulatedClock clock;
  Revocations revocations{"weir_edge", clock.clock()};
};

TEST_F(RevocationsTest, NoTokenIsJudgedBeforeAllIsKnown) {
  EXPECT_EQ(Judge({{"sub", "bob"}}), absl::StatusCode::kUnavailable);
  ASSERT_TRUE(revocations.Add(TableOf({Subject("ann")})).ok());
  EXPECT_EQ(Judge({{"sub", "bob"}}), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(revocations.Readiness().ok());
  EXPECT_TRUE(IsTokenRevoked(revocations.Judge(Marks({{"sub", "ann"}}), kNow))) << "that much is known";
  revocations.SetComplete(true);
  EXPECT_EQ(Judge({{"sub", "bob"}}), absl::StatusCode::kOk);
  EXPECT_EQ(Judge({{"sub", "ann"}}), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(Metric("weir_edge_revocations_complete"), 1);
}

TEST_F(RevocationsTest, ForgetsNothingWhenItIsFullButTakesNoToken) {
  revocations.SetMax(2);
  revocations.SetComplete(true);
  ASSERT_TRUE(revocations.Add(TableOf({Subject("ann"), Token("t1")})).ok());
  ASSERT_TRUE(revocations.Add(TableOf({Subject("ann")})).ok()) << "it is held already";
  EXPECT_EQ(revocations.Add(TableOf({Subject("bob", absl::Hours(3))})).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Judge({{"sub", "bob"}}), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Judge({{"sub", "cyd"}}), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Judge({{"sub", "ann"}}), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(Metric("weir_edge_revocations"), 2);
  EXPECT_EQ(Metric("weir_edge_revocations_complete"), 0);

  clock.Advance(absl::Hours(1));  // those before are over
  ASSERT_TRUE(revocations.Add(TableOf({Subject("bob", absl::Hours(3))})).ok());
  EXPECT_EQ(Judge({{"sub", "bob"}}), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(Judge({{"sub", "cyd"}}), absl::StatusCode::kUnavailable) << "what is behind it is not read yet";
  revocations.SetComplete(true);
  EXPECT_EQ(Judge({{"sub", "cyd"}}), absl::StatusCode::kOk);
  EXPECT_EQ(Metric("weir_edge_revocations"), 1);
}

TEST_F(RevocationsTest, GoesOnWhenWhatItHadNoRoomForIsOver) {
  revocations.SetMax(1);
  ASSERT_TRUE(revocations.Add(TableOf({Subject("ann", absl::Hours(3))})).ok());
  revocations.SetComplete(true);
  ASSERT_FALSE(revocations.Add(TableOf({Subject("bob")})).ok());
  EXPECT_EQ(Judge({{"sub", "cyd"}}), absl::StatusCode::kUnavailable);
  clock.Advance(absl::Hours(2));
  revocations.SetComplete(true);  // it is in the log no more
  EXPECT_EQ(Judge({{"sub", "cyd"}}), absl::StatusCode::kOk);
}

TEST_F(RevocationsTest, WhatCouldNotBeReadIsNotPassedOver) {
  revocations.SetComplete(false);
  revocations.SetComplete(true);
  EXPECT_EQ(Judge({{"sub", "ann"}}), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace weir
