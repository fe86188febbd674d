#include "edge/http/tickets.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace weir::edge {
namespace {

using Kind = Tickets::Kind;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

Tickets Made(const std::vector<std::string>& secrets = {std::string(32, 'a')}) { return *Tickets::Make(secrets); }

Tickets::Content Content(std::string token = "a.b.c") {
  Tickets::Content content{.token = std::move(token), .expires = kNow};
  content.principal[3] = 7;
  return content;
}

std::string Sealed(const Tickets& tickets, Kind kind = Kind::kTicket, std::string_view path = "/mine") {
  return *tickets.Seal(kind, path, Content());
}

TEST(Tickets, OpenAsTheyWereSealed) {
  for (const std::string& token : {std::string(), std::string("a.b.c"), std::string(Tickets::kTokenBytesMax, 'x')}) {
    const std::string sealed = *Made().Seal(Kind::kTicket, "/mine", Content(token));
    EXPECT_LT(sealed.size(), 4000u) << "a cookie has at most 4 KiB with its name and attributes";
    EXPECT_EQ(sealed.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
              std::string::npos);
    const auto content = Made().Open(Kind::kTicket, "/mine", sealed);
    ASSERT_TRUE(content.has_value());
    EXPECT_EQ(content->token, token);
    EXPECT_EQ(content->expires, kNow);
    EXPECT_EQ(content->principal, Content().principal);
  }
  EXPECT_EQ(Made().Seal(Kind::kTicket, "/mine", Content(std::string(Tickets::kTokenBytesMax + 1, 'x'))).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(Tickets, AreForOneKindAndPath) {
  const Tickets tickets = Made();
  EXPECT_FALSE(tickets.Open(Kind::kPass, "/mine", Sealed(tickets)));
  EXPECT_FALSE(tickets.Open(Kind::kTicket, "/mine", Sealed(tickets, Kind::kPass)));
  for (const char* path : {"/min", "/mine/", "/", "", "/MINE"}) {
    EXPECT_FALSE(tickets.Open(Kind::kTicket, path, Sealed(tickets))) << path;
  }
}

TEST(Tickets, OpenByEveryKeyAndAreSealedByTheFirst) {
  const std::string old(40, 'o');
  const std::string fresh(32, 'f');
  EXPECT_TRUE(Made({fresh, old}).Open(Kind::kTicket, "/mine", Sealed(Made({old}))));
  EXPECT_TRUE(Made({fresh}).Open(Kind::kTicket, "/mine", Sealed(Made({fresh, old}))));
  EXPECT_FALSE(Made({old}).Open(Kind::kTicket, "/mine", Sealed(Made({fresh, old}))));
}

TEST(Tickets, RefuseWhatWasChanged) {
  const Tickets tickets = Made();
  const std::string sealed = Sealed(tickets);
  for (size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(tickets.Open(Kind::kTicket, "/mine", changed)) << i;
    EXPECT_FALSE(tickets.Open(Kind::kTicket, "/mine", sealed.substr(0, i))) << i;
  }
  for (const std::string& bad :
       {sealed + "A", sealed + "=", " " + sealed, std::string(8000, 'A'), std::string("a.b.c")}) {
    EXPECT_FALSE(tickets.Open(Kind::kTicket, "/mine", bad)) << bad.size();
  }
}

TEST(Tickets, DifferEachTimeAndHideTheToken) {
  const Tickets tickets = Made();
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(seen.insert(Sealed(tickets)).second);
  }
}

TEST(Tickets, NeedGoodSecrets) {
  EXPECT_FALSE(Tickets::Make({}).ok());
  EXPECT_FALSE(Tickets::Make({std::string(31, 'a')}).ok());
  EXPECT_TRUE(Tickets::Make(std::vector<std::string>(4, std::string(32, 'a'))).ok());
  EXPECT_FALSE(Tickets::Make(std::vector<std::string>(5, std::string(32, 'a'))).ok());
}

TEST(Tickets, TellPrincipalsByIssuerAndSubject) {
  const auto of = [](const char* issuer, const char* subject) {
    JwtClaims claims;
    claims.claims = {{"iss", issuer}};
    claims.subject = subject;
    return Tickets::PrincipalOf(claims);
  };
  EXPECT_EQ(of("a", "b"), of("a", "b"));
  EXPECT_NE(of("a", "b"), of("a", "c"));
  EXPECT_NE(of("a", "b"), of("b", "b"));
  EXPECT_NE(of("a\",\"b", "c"), of("a", "b\",\"c"));
}

TEST(CookieValues, AreThoseOfThatName) {
  using Values = std::vector<std::string_view>;
  EXPECT_EQ(CookieValues("weir_ticket=x", "weir_ticket"), Values{"x"});
  EXPECT_EQ(CookieValues("a=1; weir_ticket=x;b=2;\tweir_ticket=y", "weir_ticket"), (Values{"x", "y"}));
  EXPECT_EQ(CookieValues("a=weir_ticket=y; weir_ticket=", "weir_ticket"), Values{""});
  for (const char* none : {"", ";;", "weir_ticket", "weir_tickets=x", "xweir_ticket=x", "WEIR_TICKET=x"}) {
    EXPECT_EQ(CookieValues(none, "weir_ticket"), Values()) << none;
  }
}

TEST(CookieValues, AreTheFirstEight) {
  std::string cookies;
  for (const char c : std::string("123456789")) {
    cookies += std::string("t=") + c + "; ";
  }
  const std::vector<std::string_view> values = CookieValues(cookies, "t");
  ASSERT_EQ(values.size(), 8u);
  EXPECT_EQ(values.back(), "8");
}

}  // namespace
}  // namespace weir::edge
