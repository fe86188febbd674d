// Tickets at the front desk: who gets one, and what it and its cookie are good for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "edge/http/front_desk.h"

namespace weir::edge {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

const absl::Time kStart = absl::FromUnixSeconds(1'800'000'000);

constexpr std::string_view kRoutes = R"(
routes:
  - {path: /mine, filters: ["users.{jwt.sub}.>"], auth: required}
  - {path: /mine/more, filters: ["users.{jwt.sub}.>"], auth: required}
  - {path: /other, filters: ["users.{jwt.sub}.>"], auth: required}
  - {path: /open, filters: [a]}
  - {path: /stopped, filters: [a], auth: required, stopped: true}
)";

class TicketDeskTest : public testing::Test {
 protected:
  TicketDeskTest() {
    config::v1::Edge edge;
    auto routes = Routes::Compile(edge, *ConfigFile::Parse(kRoutes, "edge.yaml", &edge));
    EXPECT_TRUE(routes.ok()) << routes.status();
    JwtVerifierOptions verifier;
    verifier.keys = {key_};
    options_.routes = std::make_shared<const Routes>(*std::move(routes));
    options_.verifier = std::make_shared<const JwtVerifier>(*JwtVerifier::Make(verifier));
    options_.tickets = std::make_shared<const Tickets>(*Tickets::Make({std::string(32, 't')}));
    options_.cors.origins.insert("https://app.example.com");
    options_.cors.credentials = true;
  }

  std::string Token(const std::string& sub, absl::Duration ttl = absl::Hours(1)) const {
    return *SignJwt(key_, {{"sub", sub}, {"exp", absl::ToUnixSeconds(kStart + ttl)}});
  }
  static RequestHead Head(std::string method, std::string target) {
    RequestHead head;
    head.method = std::move(method);
    head.target = std::move(target);
    head.host = "weir.example.com";
    return head;
  }
  FrontDesk::Decision Decide(const RequestHead& head) { return FrontDesk(options_).Decide(head, {}, now_); }
  Reply Post(const std::string& path, const std::string& token) {
    RequestHead head = Head("POST", path);
    head.authorization = token.empty() ? "" : "Bearer " + token;
    FrontDesk::Decision decision = Decide(head);
    EXPECT_TRUE(std::holds_alternative<Reply>(decision));
    return std::get<Reply>(std::move(decision));
  }
  std::string Ticket(const std::string& sub = "ann", const std::string& path = "/mine") {
    const Reply reply = Post(path + "/ticket", Token(sub));
    EXPECT_EQ(reply.status, 200) << reply.body;
    return json::parse(reply.body)["ticket"];
  }
  // The principal that is let in, or the status.
  std::string Open(const std::string& ticket, const std::string& cookie = "", const std::string& site = "",
                   const std::string& origin = "", const std::string& path = "/mine") {
    RequestHead head = Head("GET", path + "?ticket=" + ticket);
    head.cookie = cookie;
    head.sec_fetch_site = site;
    head.origin = origin;
    FrontDesk::Decision decision = Decide(head);
    if (auto* const stream = std::get_if<StreamRequest>(&decision)) {
      set_cookie_ = stream->extra_headers;
      return stream->reader.principal;
    }
    const Reply& reply = std::get<Reply>(decision);
    set_cookie_ = reply.headers;
    return std::to_string(reply.status);
  }
  // The cookie that the first use of a ticket leaves, as a browser sends it back.
  std::string CookieOf(const std::string& ticket, const std::string& path = "/mine") {
    EXPECT_EQ(Open(ticket, "", "", "", path).size(), 3u) << "a name, or a status";
    EXPECT_NE(set_cookie_.find("weir_ticket="), std::string::npos);
    const size_t begin = set_cookie_.find("weir_ticket=");
    return begin == std::string::npos ? "" : set_cookie_.substr(begin, set_cookie_.find(';', begin) - begin);
  }

  const JwtKey key_ = *JwtKey::Parse("HS256", std::string(32, 'k'), "test");
  FrontDeskOptions options_;
  absl::Time now_ = kStart;
  std::string set_cookie_;
};

TEST_F(TicketDeskTest, ATicketStandsForItsTokenForAMinute) {
  const std::string ticket = Ticket();
  EXPECT_THAT(ticket, Not(HasSubstr(Token("ann").substr(0, 20))));
  EXPECT_EQ(Open(ticket), "ann");
  now_ += absl::Seconds(59);
  EXPECT_EQ(Open(ticket), "ann");
  now_ += absl::Seconds(1);
  EXPECT_EQ(Open(ticket), "401");
  EXPECT_EQ(set_cookie_.find("Set-Cookie"), std::string::npos);
}

TEST_F(TicketDeskTest, ItIsForOnePath) {
  EXPECT_EQ(Open(Ticket("ann", "/other")), "401");
  EXPECT_EQ(Open(Ticket(), "", "", "", "/other"), "401");
}

TEST_F(TicketDeskTest, ItsFirstUseSetsACookieThatCarriesReconnections) {
  const std::string ticket = Ticket();
  const std::string cookie = CookieOf(ticket);
  EXPECT_THAT(set_cookie_, HasSubstr("; Path=/mine; Max-Age=3630; HttpOnly; Secure; SameSite=Strict\r\n"));
  now_ += absl::Minutes(59);
  EXPECT_EQ(Open(ticket, "a=b; " + cookie, "same-origin"), "ann");
  EXPECT_EQ(set_cookie_.find("Set-Cookie"), std::string::npos) << "it ends with the token";
  EXPECT_EQ(Open(ticket, cookie), "ann") << "an old browser of the same origin says nothing";
  now_ = kStart + absl::Hours(1) + absl::Seconds(30);
  EXPECT_EQ(Open(ticket, cookie, "same-origin"), "401");
}

TEST_F(TicketDeskTest, NeitherAnOldTicketNorACookieIsGoodAlone) {
  const std::string ticket = Ticket();
  const std::string cookie = CookieOf(ticket);
  const std::string theirs = Ticket("bob");
  const std::string others = CookieOf(Ticket("ann", "/other"), "/other");
  now_ += absl::Minutes(2);
  EXPECT_EQ(Open(ticket), "401");
  EXPECT_EQ(Open("", cookie), "401");
  EXPECT_EQ(Open(theirs, cookie), "401") << "somebody else has signed in since";
  EXPECT_EQ(Open(ticket, others), "401");
  EXPECT_EQ(Open(ticket, cookie.substr(0, cookie.size() - 1)), "401");
  EXPECT_EQ(Open(ticket, "weir_ticket=" + ticket), "401") << "a ticket is no cookie";
  EXPECT_EQ(Open(cookie.substr(cookie.find('=') + 1), cookie), "401") << "nor the other way round";
  RequestHead bare = Head("GET", "/mine");
  bare.cookie = cookie;
  EXPECT_EQ(std::get<Reply>(Decide(bare)).status, 401);
}

TEST_F(TicketDeskTest, ItsCookieIsFoundAmongOthersOfItsName) {
  const std::string ticket = Ticket();
  const std::string cookie = CookieOf(ticket);
  const std::string below = Ticket("ann", "/mine/more");
  const std::string cookie_below = CookieOf(below, "/mine/more");
  const std::string theirs = CookieOf(Ticket("bob"));
  now_ += absl::Minutes(2);
  for (const std::string& cookies : {cookie_below + "; " + cookie, cookie + "; " + cookie_below}) {
    EXPECT_EQ(Open(ticket, cookies), "ann") << "a browser sends both to the longer path";
    EXPECT_EQ(Open(below, cookies, "", "", "/mine/more"), "ann");
  }
  EXPECT_EQ(Open(ticket, theirs + "; weir_ticket=x; weir_ticket=; " + cookie), "ann") << "set by another host";
  EXPECT_EQ(Open(ticket, theirs + "; " + cookie_below), "401");
  std::string many;
  for (int i = 0; i < 7; ++i) {
    many += "weir_ticket=x; ";
  }
  EXPECT_EQ(Open(ticket, many + cookie), "ann");
  EXPECT_EQ(Open(ticket, many + "weir_ticket=x; " + cookie), "401") << "no more than 8 are tried";
}

TEST_F(TicketDeskTest, ACookieCountsForPagesOfItsOwnOriginOnly) {
  const std::string ticket = Ticket();
  const std::string cookie = CookieOf(ticket);
  now_ += absl::Minutes(2);
  for (const char* site : {"cross-site", "same-site", "none", "SAME-ORIGIN", "x"}) {
    EXPECT_EQ(Open(ticket, cookie, site), "401") << site;
    EXPECT_EQ(Open(ticket, cookie, site, "https://weir.example.com"), "401") << site;
    EXPECT_EQ(Open(ticket, cookie, site, "https://app.example.com"), "ann") << site;
  }
  EXPECT_EQ(Open(ticket, cookie, "", "https://weir.example.com"), "ann");
  for (const char* origin : {"https://evil.example.com", "null", "https://weir.example.com.evil"}) {
    EXPECT_EQ(Open(ticket, cookie, "", origin), "401") << origin;
    EXPECT_EQ(Open(ticket, cookie, "cross-site", origin), "401") << origin;
  }
  options_.cors.credentials = false;
  EXPECT_EQ(Open(ticket, cookie, "cross-site", "https://app.example.com"), "401");
}

TEST_F(TicketDeskTest, TheTokenWithinIsJudgedAtEachUse) {
  const std::string ticket = Ticket();
  const std::string cookie = CookieOf(ticket);
  JwtVerifierOptions verifier;
  verifier.keys = {*JwtKey::Parse("HS256", std::string(32, 'x'), "test")};
  options_.verifier = std::make_shared<const JwtVerifier>(*JwtVerifier::Make(verifier));
  EXPECT_EQ(Open(ticket), "401");
  now_ += absl::Minutes(2);
  EXPECT_EQ(Open(ticket, cookie), "401");
}

TEST_F(TicketDeskTest, ATokenCountsBeforeATicket) {
  EXPECT_EQ(Open(Ticket() + "&token=" + Token("bob")), "bob");
  EXPECT_EQ(Open(Ticket() + "&token=bad"), "401");
  EXPECT_EQ(Open(Ticket() + "&ticket=" + Ticket()), "401");
}

TEST_F(TicketDeskTest, GivesTicketsForTheHeaderAlone) {
  EXPECT_EQ(Post("/mine/ticket", "").status, 401);
  EXPECT_EQ(Post("/mine/ticket", "bad").status, 401);
  EXPECT_EQ(Post("/mine/ticket", Token("ann", -absl::Hours(1))).status, 401);
  EXPECT_EQ(Post("/mine/ticket?token=" + Token("ann"), "").status, 401);
  EXPECT_EQ(Post("/mine/ticket?ticket=" + Ticket(), "").status, 401) << "a ticket does not renew itself";
  EXPECT_EQ(Post("/mine/ticket", *SignJwt(key_, {{"sub", "ann"},
                                                 {"exp", absl::ToUnixSeconds(kStart + absl::Hours(1))},
                                                 {"pad", std::string(2800, 'x')}}))
                .status,
            400);
  const Reply reply = Post("/mine/ticket", Token("ann"));
  EXPECT_THAT(reply.headers, HasSubstr("Cache-Control: no-store\r\n"));
  EXPECT_EQ(json::parse(reply.body)["expiresIn"], 60);
}

TEST_F(TicketDeskTest, GivesTicketsWhereTheyAreOfUse) {
  const auto status = [&](const std::string& method, const std::string& path) {
    RequestHead head = Head(method, path);
    head.authorization = "Bearer " + Token("ann");
    return std::get<Reply>(Decide(head)).status;
  };
  for (const char* path : {"/open/ticket", "/stopped/ticket", "/none/ticket", "/ticket", "/mine/ticket/ticket"}) {
    EXPECT_EQ(status("POST", path), 404) << path;
  }
  EXPECT_EQ(status("POST", "/mine"), 405);
  EXPECT_EQ(status("GET", "/mine/ticket"), 405);
  EXPECT_EQ(status("OPTIONS", "/mine/ticket"), 204);
  RequestHead body = Head("POST", "/mine/ticket");
  body.has_body = true;
  const Reply reply = std::get<Reply>(Decide(body));
  EXPECT_EQ(reply.status, 413);
  EXPECT_TRUE(reply.close);
  options_.tickets = nullptr;
  EXPECT_EQ(status("POST", "/mine/ticket"), 404);
  EXPECT_EQ(Open("x"), "401");
}

TEST_F(TicketDeskTest, PagesOfListedOriginsMayAskForOne) {
  RequestHead head = Head("OPTIONS", "/mine/ticket");
  head.preflight = true;
  head.origin = "https://app.example.com";
  EXPECT_THAT(std::get<Reply>(Decide(head)).headers, HasSubstr("Access-Control-Allow-Methods: POST\r\n"));
  head.origin = "https://evil.example.com";
  EXPECT_THAT(std::get<Reply>(Decide(head)).headers, Not(HasSubstr("Access-Control-Allow")));
}

}  // namespace
}  // namespace weir::edge
