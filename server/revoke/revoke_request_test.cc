#include "server/revoke/revoke_request.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "base/token_revocation.h"

namespace weir::server {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000) + absl::Milliseconds(700);
constexpr int64_t kSecond = 1'800'000'000;

v1::RevokeTokensRequest Ann() {
  v1::RevokeTokensRequest request;
  request.set_subject("ann");
  return request;
}

TEST(RevokeRequest, TakesWhatASubjectWasGivenUntilNowForAMonth) {
  const FaultOr<v1::TokenRevocation> revocation = ReadRevokeRequest(Ann(), kNow);
  ASSERT_TRUE(revocation.ok());
  EXPECT_TRUE(CheckTokenRevocation(*revocation).ok());
  EXPECT_EQ(revocation->subject(), "ann");
  EXPECT_EQ(revocation->issuer(), "");
  EXPECT_EQ(revocation->issued_until().seconds(), kSecond);
  EXPECT_EQ(revocation->issued_until().nanos(), 0);
  EXPECT_EQ(ExpiryOf(*revocation), kNow + absl::Hours(744));
}

TEST(RevokeRequest, TakesAMomentAndHowLongItIsKept) {
  v1::RevokeTokensRequest request = Ann();
  request.set_issuer("https://a");
  request.mutable_issued_until()->set_seconds(kSecond + 300);
  request.mutable_issued_until()->set_nanos(700'000'000);
  request.mutable_keep()->set_seconds(absl::ToInt64Seconds(kRevocationLastsMax));
  FaultOr<v1::TokenRevocation> revocation = ReadRevokeRequest(request, kNow);
  ASSERT_TRUE(revocation.ok()) << revocation.fault().message;
  EXPECT_EQ(revocation->issuer(), "https://a");
  EXPECT_EQ(revocation->issued_until().seconds(), kSecond + 300);
  EXPECT_EQ(ExpiryOf(*revocation), kNow + kRevocationLastsMax);
  EXPECT_TRUE(CheckTokenRevocation(*revocation).ok());
  EXPECT_TRUE(CheckNewTokenRevocation(*revocation, kNow).ok());

  request.mutable_issued_until()->set_seconds(0);
  request.mutable_keep()->set_seconds(0);
  request.mutable_keep()->set_nanos(1);
  revocation = ReadRevokeRequest(request, kNow);
  ASSERT_TRUE(revocation.ok()) << revocation.fault().message;
  EXPECT_EQ(ExpiryOf(*revocation), kNow + absl::Nanoseconds(1));
}

TEST(RevokeRequest, OfOneTokenItNeedsNoMoment) {
  v1::RevokeTokensRequest request;
  request.set_token_id(std::string(1'024, 'x'));
  const FaultOr<v1::TokenRevocation> revocation = ReadRevokeRequest(request, kNow);
  ASSERT_TRUE(revocation.ok());
  EXPECT_TRUE(CheckTokenRevocation(*revocation).ok());
  EXPECT_EQ(revocation->token_id(), request.token_id());
  EXPECT_FALSE(revocation->has_issued_until());
}

TEST(RevokeRequest, SaysWhichFieldIsWrongAndWhatIsAllowed) {
  const struct {
    const char* field;
    const char* says;
    std::function<void(v1::RevokeTokensRequest&)> spoil;
  } cases[] = {
      {"tokens", "not set; allowed is subject or token_id", [](auto& r) { r.clear_subject(); }},
      {"subject", "0 bytes; allowed is 1 to 1024", [](auto& r) { r.set_subject(""); }},
      {"subject", "1025 bytes", [](auto& r) { r.set_subject(std::string(1'025, 's')); }},
      {"token_id", "0 bytes", [](auto& r) { r.set_token_id(""); }},
      {"token_id", "1025 bytes", [](auto& r) { r.set_token_id(std::string(1'025, 't')); }},
      {"issuer", "257 bytes; allowed is 0 to 256", [](auto& r) { r.set_issuer(std::string(257, 'i')); }},
      {"issued_until", "none with token_id",
       [](auto& r) {
         r.set_token_id("t");
         r.mutable_issued_until()->set_seconds(kSecond);
       }},
      {"issued_until", "the server's, which is 2027-01-15T08:00:00",
       [](auto& r) { r.mutable_issued_until()->set_seconds(kSecond + 301); }},
      {"issued_until", "from 1970", [](auto& r) { r.mutable_issued_until()->set_seconds(-1); }},
      {"issued_until", "a time", [](auto& r) { r.mutable_issued_until()->set_nanos(-1); }},
      {"issued_until", "a time", [](auto& r) { r.mutable_issued_until()->set_nanos(1'000'000'000); }},
      {"issued_until", "a time", [](auto& r) { r.mutable_issued_until()->set_seconds(INT64_MAX); }},
      {"keep", "more than 0", [](auto& r) { r.mutable_keep(); }},
      {"keep", "more than 0", [](auto& r) { r.mutable_keep()->set_seconds(-1); }},
      {"keep", "at most 3651 days", [](auto& r) { r.mutable_keep()->set_seconds(3651 * 86'400 + 1); }},
      {"keep", "at most 3651 days", [](auto& r) { r.mutable_keep()->set_seconds(INT64_MAX); }},
      {"keep", "more than 0", [](auto& r) { r.mutable_keep()->set_nanos(1'000'000'000); }},
      {"keep", "the time until issued_until",
       [](auto& r) {
         r.mutable_issued_until()->set_seconds(kSecond + 60);
         r.mutable_keep()->set_seconds(30);
       }},
  };
  for (const auto& wrong : cases) {
    v1::RevokeTokensRequest request = Ann();
    wrong.spoil(request);
    const FaultOr<v1::TokenRevocation> revocation = ReadRevokeRequest(request, kNow);
    ASSERT_FALSE(revocation.ok()) << request.ShortDebugString();
    EXPECT_EQ(revocation.fault().reason, v1::ERROR_REASON_FIELD_INVALID);
    EXPECT_EQ(revocation.fault().field, wrong.field) << request.ShortDebugString();
    EXPECT_NE(revocation.fault().message.find(wrong.says), std::string::npos) << revocation.fault().message;
  }
}

}  // namespace
}  // namespace weir::server
