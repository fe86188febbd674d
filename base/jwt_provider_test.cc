// Several issuers of tokens, each with keys of its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "base/jwt.h"
#include "base/text.h"

namespace weir {
namespace {

using nlohmann::json;
using testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

JwtKey Secret(char c, std::string id = "") {
  return JwtKey::Parse("HS256", std::string(32, c), "secret", std::move(id)).value();
}

std::string Token(const JwtKey& key, json claims) {
  claims["exp"] = 1'700'003'600;
  return SignJwt(key, claims).value();
}

JwtVerifierOptions Options() {
  JwtVerifierOptions options;
  options.keys = {Secret('o')};
  options.providers = {{.issuer = "https://a", .audiences = {}, .keys = {Secret('a')}},
                       {.issuer = "https://b", .audiences = {"weir"}, .keys = {Secret('b', "b1")}}};
  return options;
}

absl::Status Judge(const JwtVerifierOptions& options, const std::string& token) {
  return JwtVerifier::Make(options).value().Verify(token, kNow).status();
}

TEST(JwtProvider, TriesATokenOnlyWithTheKeysOfItsIssuer) {
  const std::pair<char, json> signers[] = {{'a', {{"iss", "https://a"}}},
                                           {'b', {{"iss", "https://b"}, {"aud", "weir"}}},
                                           {'o', {{"iss", "https://other"}}},
                                           {'o', json::object()}};
  for (const auto& [own, claims] : signers) {
    for (const char key : {'a', 'b', 'o'}) {
      const absl::Status status = Judge(Options(), Token(Secret(key), claims));
      EXPECT_EQ(status.ok(), key == own) << key << " " << claims << " " << Message(status);
    }
  }
}

TEST(JwtProvider, HasAudiencesOfItsOwn) {
  JwtVerifierOptions options = Options();
  options.audiences = {"others"};
  EXPECT_THAT(std::string(Message(Judge(options, Token(Secret('b'), {{"iss", "https://b"}})))), HasSubstr("\"aud\""));
  EXPECT_TRUE(Judge(options, Token(Secret('a'), {{"iss", "https://a"}})).ok());
  EXPECT_FALSE(Judge(options, Token(Secret('o'), {{"iss", "https://o"}})).ok());
}

TEST(JwtProvider, AsksForKeysThatItDoesNotHave) {
  JwtVerifierOptions options = Options();
  std::vector<std::string> asked;
  bool sought = true;
  options.key_missing = [&](const std::string& issuer) {
    asked.push_back(issuer);
    return sought;
  };
  const std::string token = Token(Secret('c', "b2"), {{"iss", "https://b"}, {"aud", "weir"}});
  EXPECT_EQ(Judge(options, token).code(), absl::StatusCode::kUnavailable);
  sought = false;
  EXPECT_EQ(Judge(options, token).code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(asked, (std::vector<std::string>{"https://b", "https://b"}));
  // A signature that is wrong is no reason: anybody can make one.
  EXPECT_FALSE(Judge(options, Token(Secret('c', "b1"), {{"iss", "https://b"}})).ok());
  EXPECT_FALSE(Judge(options, Token(Secret('c', "o9"), {{"iss", "https://o"}})).ok());
  EXPECT_EQ(asked.size(), 2u);
}

TEST(JwtProvider, CannotJudgeBeforeItsKeysAreThere) {
  JwtVerifierOptions options = Options();
  options.keys.clear();
  options.providers[0].keys.clear();
  const std::string token = Token(Secret('a'), {{"iss", "https://a"}});
  EXPECT_EQ(Judge(options, token).code(), absl::StatusCode::kUnavailable);
  const JwtVerifier before = JwtVerifier::Make(options).value();
  const auto after = before.WithKeys("https://a", {Secret('a')});
  ASSERT_TRUE(after.ok()) << Message(after.status());
  EXPECT_TRUE(after->Verify(token, kNow).ok());
  EXPECT_TRUE(after->SameRules(before));
  EXPECT_FALSE(after->SameKeys(before));
  EXPECT_TRUE(after->HasKey(after->Verify(token, kNow)->key));
  EXPECT_FALSE(before.HasKey(after->Verify(token, kNow)->key));
  EXPECT_FALSE(before.WithKeys("https://c", {Secret('a')}).ok());
  EXPECT_EQ(Judge(options, Token(Secret('o'), json::object())).code(), absl::StatusCode::kUnauthenticated);
}

TEST(JwtProvider, AKeyThatItWithdrawsIsGoneAlsoWhereAnotherHasIt) {
  JwtVerifierOptions options = Options();
  options.providers[1] = {.issuer = "https://b", .audiences = {}, .keys = {Secret('a')}};
  options.keys = {Secret('a')};
  const JwtVerifier before = JwtVerifier::Make(options).value();
  const JwtVerifier after = before.WithKeys("https://a", {Secret('n')}).value();
  const auto name = [&](const char* issuer) { return before.Verify(Token(Secret('a'), {{"iss", issuer}}), kNow)->key; };
  EXPECT_FALSE(after.HasKey(name("https://a")));
  EXPECT_TRUE(after.HasKey(name("https://b")));
  EXPECT_TRUE(after.HasKey(name("https://other")));
}

TEST(JwtProvider, IssuersAreThereAndDiffer) {
  for (const char* issuer : {"", "https://b", "https://c"}) {
    JwtVerifierOptions options = Options();
    options.issuers = {"https://c"};
    options.providers[0].issuer = issuer;
    EXPECT_EQ(JwtVerifier::Make(options).status().code(), absl::StatusCode::kInvalidArgument) << issuer;
  }
  JwtVerifierOptions other = Options();
  other.providers[0].audiences = {"x"};
  EXPECT_FALSE(JwtVerifier::Make(Options())->SameRules(JwtVerifier::Make(other).value()));
}

}  // namespace
}  // namespace weir
