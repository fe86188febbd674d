#include "edge/http/access.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::edge {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);
const std::string kSecret = "0123456789abcdef0123456789abcdef";

JwtKey Key(const std::string& secret = kSecret) { return *JwtKey::Parse("HS256", secret, "test"); }

std::shared_ptr<const JwtVerifier> Verifier() {
  JwtVerifierOptions options;
  options.keys = {Key()};
  return std::make_shared<const JwtVerifier>(*JwtVerifier::Make(options));
}

std::string Token(const std::string& subject, absl::Duration ttl = absl::Hours(1),
                  const std::string& secret = kSecret) {
  return *SignJwt(Key(secret), {{"sub", subject}, {"exp", absl::ToUnixSeconds(kNow + ttl)}});
}

Access Make() { return {Verifier(), absl::Seconds(30)}; }

TEST(AccessTest, TakesTheTokenOfTheHeaderThenOfTheQuery) {
  Access access = Make();
  EXPECT_EQ((*access.Check("Bearer " + Token("ann"), std::nullopt, kNow))->subject, "ann");
  EXPECT_EQ((*access.Check("bearer   " + Token("ann"), std::nullopt, kNow))->subject, "ann");
  const std::string bob = Token("bob");
  EXPECT_EQ((*access.Check("", bob, kNow))->subject, "bob");
  EXPECT_EQ((*access.Check("Basic eDp5", bob, kNow))->subject, "bob");
  EXPECT_EQ((*access.Check("Bearer " + Token("ann"), bob, kNow))->subject, "ann");
}

TEST(AccessTest, RefusesWhateverIsNoGoodToken) {
  Access access = Make();
  const std::string bad_tokens[] = {"x",
                                    "a.b.c",
                                    "Bearer",
                                    Token("ann") + "x",
                                    Token("ann", absl::Hours(-1)),
                                    Token("ann", absl::Hours(1), "another secret of thirty-two bytes"),
                                    std::string(kJwtBytesMax + 1, 'a')};
  for (const std::string& bad : bad_tokens) {
    EXPECT_EQ(access.Check("Bearer " + bad, std::nullopt, kNow).status().code(), absl::StatusCode::kUnauthenticated)
        << bad;
    EXPECT_EQ(access.Check("", bad, kNow).status().code(), absl::StatusCode::kUnauthenticated) << bad;
  }
  for (const std::string_view header : {"", "Bearer", "Bearer ", "Basic x", "Bear"}) {
    EXPECT_FALSE(access.Check(header, std::nullopt, kNow).ok()) << header;
  }
  EXPECT_FALSE(access.Check("", "", kNow).ok());
}

TEST(AccessTest, ABadHeaderIsNotRescuedByTheQuery) {
  Access access = Make();
  EXPECT_FALSE(access.Check("Bearer x", Token("bob"), kNow).ok());
}

TEST(AccessTest, SaysNothingOfTheToken) {
  Access access = Make();
  EXPECT_EQ(access.Check("Bearer secret.secret.secret", std::nullopt, kNow).status().ToString().find("secret"),
            std::string::npos);
}

TEST(AccessTest, TakesATokenUntilItEnds) {
  Access access = Make();
  const std::string header = "Bearer " + Token("ann", absl::Minutes(1));
  const auto first = *access.Check(header, std::nullopt, kNow);
  EXPECT_EQ(access.EndOf(*first), kNow + absl::Seconds(90));
  EXPECT_TRUE(access.Check(header, std::nullopt, kNow + absl::Seconds(89)).ok());
  EXPECT_FALSE(access.Check(header, std::nullopt, kNow + absl::Seconds(91)).ok());
}

TEST(AccessTest, ATokenThatItTookCanBeRevoked) {
  const SimulatedClock clock(kNow);
  const auto revocations = std::make_shared<Revocations>("weir_edge", clock.clock());
  Access access(Verifier(), absl::Seconds(30), revocations);
  const std::string ann = "Bearer " + Token("ann");
  EXPECT_EQ(access.Check(ann, std::nullopt, kNow).status().code(), absl::StatusCode::kUnavailable);
  revocations->SetComplete(true);
  EXPECT_TRUE(access.Check(ann, std::nullopt, kNow).ok());
  v1::TokenRevocation revocation;
  revocation.set_subject("ann");
  revocation.mutable_issued_until()->set_seconds(absl::ToUnixSeconds(kNow));
  revocation.mutable_expire_time()->set_seconds(absl::ToUnixSeconds(kNow + absl::Hours(1)));
  RevocationTable table;
  table.Add(revocation);
  ASSERT_TRUE(revocations->Add(table).ok());
  EXPECT_TRUE(IsTokenRevoked(access.Check(ann, std::nullopt, kNow).status()));
  EXPECT_FALSE(IsTokenRevoked(access.Check("Bearer x", std::nullopt, kNow).status()));
  EXPECT_TRUE(access.Check("Bearer " + Token("bob"), std::nullopt, kNow).ok());
}

TEST(AccessTest, WithoutAKeyNobodyComesIn) {
  Access access(nullptr, absl::Seconds(30));
  EXPECT_FALSE(access.Check("Bearer " + Token("ann"), std::nullopt, kNow).ok());
}

}  // namespace
}  // namespace weir::edge
