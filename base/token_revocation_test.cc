#include "base/token_revocation.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

namespace weir {
namespace {

v1::TokenRevocation Good() {
  v1::TokenRevocation revocation;
  revocation.set_subject("ann");
  revocation.mutable_issued_until()->set_seconds(1'000);
  revocation.mutable_expire_time()->set_seconds(2'000);
  return revocation;
}

TEST(TokenRevocation, IsOfASubjectAndATimeOrOfOneToken) {
  EXPECT_TRUE(CheckTokenRevocation(Good()).ok());
  EXPECT_EQ(ExpiryOf(Good()), absl::FromUnixSeconds(2'000));
  v1::TokenRevocation one = Good();
  one.set_token_id(std::string(kRevokedNameBytesMax, 'x'));
  one.clear_issued_until();
  one.set_issuer(std::string(kRevokedIssuerBytesMax, 'i'));
  EXPECT_TRUE(CheckTokenRevocation(one).ok());
}

TEST(TokenRevocation, IsNotTakenInWhenItsTimesAreFarAhead) {
  v1::TokenRevocation revocation = Good();
  const absl::Time issued = absl::FromUnixSeconds(1'000);
  EXPECT_TRUE(CheckNewTokenRevocation(revocation, issued - kIssuedUntilAheadMax).ok());
  const absl::Status ahead = CheckNewTokenRevocation(revocation, issued - kIssuedUntilAheadMax - absl::Nanoseconds(1));
  EXPECT_EQ(ahead.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(std::string(ahead.message()).find("issued_until is 1970-01-01T00:16:40"), std::string::npos) << ahead;

  revocation.mutable_expire_time()->set_seconds(absl::ToUnixSeconds(issued + kRevocationLastsMax));
  EXPECT_TRUE(CheckNewTokenRevocation(revocation, issued).ok());
  const absl::Status lasts = CheckNewTokenRevocation(revocation, issued - absl::Nanoseconds(1));
  EXPECT_EQ(lasts.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(std::string(lasts.message()).find("expire_time is 1979-12-"), std::string::npos) << lasts;
}

TEST(TokenRevocation, SaysWhichFieldIsWrong) {
  const struct {
    const char* names;
    std::function<void(v1::TokenRevocation&)> spoil;
  } cases[] = {
      {"issuer", [](auto& r) { r.set_issuer(std::string(kRevokedIssuerBytesMax + 1, 'i')); }},
      {"subject", [](auto& r) { r.set_subject(""); }},
      {"subject", [](auto& r) { r.set_subject(std::string(kRevokedNameBytesMax + 1, 's')); }},
      {"token_id", [](auto& r) { r.clear_subject(); }},
      {"issued_until", [](auto& r) { r.set_token_id("t"); }},
      {"issued_until", [](auto& r) { r.clear_issued_until(); }},
      {"issued_until", [](auto& r) { r.mutable_issued_until()->set_seconds(-1); }},
      {"expire_time", [](auto& r) { r.clear_expire_time(); }},
      {"expire_time", [](auto& r) { r.mutable_expire_time()->set_seconds(253'402'300'800); }},
      {"expire_time", [](auto& r) { r.mutable_expire_time()->set_nanos(1'000'000'000); }},
      {"expire_time", [](auto& r) { *r.mutable_expire_time() = r.issued_until(); }},
  };
  for (const auto& wrong : cases) {
    v1::TokenRevocation revocation = Good();
    wrong.spoil(revocation);
    const absl::Status status = CheckTokenRevocation(revocation);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << revocation.ShortDebugString();
    EXPECT_NE(std::string(status.message()).find(wrong.names), std::string::npos) << status;
  }
}

}  // namespace
}  // namespace weir
