#include "edge/http/front_desk.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/jwt.h"

namespace weir::edge {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

constexpr std::string_view kRoutes = R"(
routes:
  - path: /open
    filters: [dispatch.broadcast]
  - path: /mine
    filters: ["users.{jwt.sub}.notifications", broadcast.notifications]
    auth: required
    connected: {event: connected, data: {user_id: "{jwt.sub}"}}
    heartbeat: {event: heartbeat}
  - path: /images
    filters: ["users.{jwt.sub}.imagegen.{query.request_id|*}"]
    auth: required
  - path: /staff
    filters: [staff.news]
    auth: required
    require: {roles: staff}
  - path: /stopped
    filters: ["users.{jwt.sub}.notifications"]
    auth: required
    stopped: true
)";

Routes Compiled() {
  config::v1::Edge edge;
  const auto file = ConfigFile::Parse(kRoutes, "edge.yaml", &edge);
  EXPECT_TRUE(file.ok()) << file.status();
  auto routes = Routes::Compile(edge, *file);
  EXPECT_TRUE(routes.ok()) << routes.status();
  return *std::move(routes);
}

class FrontDeskTest : public testing::Test {
 protected:
  FrontDeskTest() : key_(*JwtKey::Parse("HS256", "0123456789abcdef0123456789abcdef", "test")), routes_(Compiled()) {
    JwtVerifierOptions verifier;
    verifier.keys = {key_};
    options_.routes = std::make_shared<const Routes>(routes_);
    options_.verifier = std::make_shared<const JwtVerifier>(*JwtVerifier::Make(verifier));
    options_.cors.origins.insert("https://app.example.com");
  }

  FrontDesk::Decision Decide(RequestHead head, EdgeCondition condition = {}) {
    return FrontDesk(options_).Decide(head, condition, kNow);
  }
  FrontDesk::Decision Get(std::string target, std::string accept = "", EdgeCondition condition = {}) {
    RequestHead head;
    head.method = "GET";
    head.target = std::move(target);
    head.accept = std::move(accept);
    head.origin = "https://app.example.com";
    return Decide(head, condition);
  }
  Reply ReplyTo(FrontDesk::Decision decision) {
    EXPECT_TRUE(std::holds_alternative<Reply>(decision));
    return std::holds_alternative<Reply>(decision) ? std::get<Reply>(decision) : Reply();
  }
  StreamRequest StreamOf(FrontDesk::Decision decision) {
    if (auto* reply = std::get_if<Reply>(&decision)) {
      ADD_FAILURE() << reply->status << reply->body;
    }
    return std::holds_alternative<StreamRequest>(decision) ? std::get<StreamRequest>(decision) : StreamRequest();
  }
  static std::string TypeOf(const Reply& reply) { return nlohmann::json::parse(reply.body)["type"]; }
  std::string Token(const nlohmann::json& claims) {
    nlohmann::json all = claims;
    all["exp"] = absl::ToUnixSeconds(kNow + absl::Hours(1));
    return *SignJwt(key_, all);
  }

  JwtKey key_;
  Routes routes_;
  FrontDeskOptions options_;
};

TEST_F(FrontDeskTest, OpensAStream) {
  const StreamRequest stream = StreamOf(Get("/open", "text/event-stream; weir=1"));
  EXPECT_EQ(stream.reader.route->path, "/open");
  EXPECT_EQ(stream.reader.filters, std::vector<std::string>{"dispatch.broadcast"});
  EXPECT_EQ(stream.reader.principal, "");
  EXPECT_EQ(stream.reader.expires, absl::InfiniteFuture());
  EXPECT_FALSE(stream.reader.resumed);
  EXPECT_TRUE(stream.fetch_client);
  EXPECT_TRUE(stream.chunked);
  EXPECT_EQ(stream.heartbeat_data, nullptr);
  EXPECT_NE(stream.extra_headers.find("Access-Control-Allow-Origin: https://app.example.com\r\n"), std::string::npos);
}

TEST_F(FrontDeskTest, IsCalledByTheHostsOfItsListOnly) {
  const auto status = [&](std::string method, std::string target, std::string host) {
    RequestHead head;
    head.method = std::move(method);
    head.target = std::move(target);
    head.host = std::move(host);
    const FrontDesk::Decision decision = Decide(std::move(head));
    return std::holds_alternative<StreamRequest>(decision) ? 200 : ReplyTo(decision).status;
  };
  EXPECT_EQ(status("GET", "/open", "evil.example:8080"), 200) << "without a list by any";
  options_.hosts = {"app.example.com"};
  EXPECT_EQ(status("GET", "/open", "app.example.com:8080"), 200);
  for (const char* const host : {"evil.example:8080", "127.0.0.1:8080", ""}) {
    for (const auto& [method, target] : {std::pair("GET", "/open"),
                                         {"HEAD", "/open"},
                                         {"OPTIONS", "/open"},
                                         {"POST", "/mine/ticket"},
                                         {"GET", "/none"}}) {
      EXPECT_EQ(status(method, target, host), 421) << method << target << host;
    }
  }
  RequestHead upgrade;
  upgrade.method = "GET";
  upgrade.target = "/open";
  upgrade.host = "evil.example:8080";
  upgrade.origin = "http://evil.example:8080";
  upgrade.upgrade = true;
  EXPECT_EQ(TypeOf(ReplyTo(Decide(upgrade))), "urn:weir:problem:host-refused");
}

TEST_F(FrontDeskTest, BindsAStreamToItsToken) {
  const StreamRequest stream = StreamOf(Get("/mine?token=" + Token({{"sub", "ann"}})));
  EXPECT_EQ(stream.reader.filters, (std::vector<std::string>{"broadcast.notifications", "users.ann.notifications"}));
  EXPECT_EQ(stream.reader.principal, "ann");
  EXPECT_EQ(stream.reader.expires, kNow + absl::Hours(1) + absl::Seconds(30));
  EXPECT_EQ(stream.connected_data->Render({kNow, 0, ""}), R"({"user_id":"ann"})");
  ASSERT_NE(stream.heartbeat_data, nullptr);
  EXPECT_FALSE(stream.fetch_client);
}

TEST_F(FrontDeskTest, PutsOneTokenIntoAFilter) {
  const std::string token = "token=" + Token({{"sub", "ann"}});
  EXPECT_EQ(StreamOf(Get("/images?" + token)).reader.filters[0], "users.ann.imagegen.*");
  EXPECT_EQ(StreamOf(Get("/images?request_id=r1&" + token)).reader.filters[0], "users.ann.imagegen.r1");
  for (const std::string bad : {"request_id=&", "request_id=*&", "request_id=%3E&", "request_id=a.b&",
                                "request_id=a&request_id=b&", "request_id=a%20b&"}) {
    EXPECT_EQ(ReplyTo(Get("/images?" + bad + token)).status, 400) << bad;
  }
}

TEST_F(FrontDeskTest, ForbidsWhatTheTokenDoesNotAllow) {
  for (const nlohmann::json& claims : {nlohmann::json::object(), nlohmann::json{{"sub", "a.b"}},
                                       nlohmann::json{{"sub", "*"}}, nlohmann::json{{"sub", ""}}}) {
    const Reply reply = ReplyTo(Get("/mine?token=" + Token(claims)));
    EXPECT_EQ(reply.status, 403) << claims;
    EXPECT_EQ(TypeOf(reply), "urn:weir:problem:forbidden");
  }
}

TEST_F(FrontDeskTest, RequiresClaimsOverEveryTransport) {
  const std::string good = "/staff?token=" + Token({{"sub", "ann"}, {"roles", {"reader", "staff"}}});
  EXPECT_EQ(StreamOf(Get(good)).reader.principal, "ann");
  EXPECT_TRUE(std::holds_alternative<PollOrder>(Get(good, "application/json")));
  for (const nlohmann::json& claims :
       {nlohmann::json{{"sub", "ann"}}, nlohmann::json{{"roles", "reader"}}, nlohmann::json{{"roles", {"staffs"}}}}) {
    for (const char* accept : {"text/event-stream", "text/event-stream; weir=1", "application/json"}) {
      const Reply reply = ReplyTo(Get("/staff?token=" + Token(claims), accept));
      EXPECT_EQ(reply.status, 403) << claims << accept;
      EXPECT_EQ(TypeOf(reply), "urn:weir:problem:forbidden");
    }
  }
}

TEST_F(FrontDeskTest, BoundsTheAgeOfStreamsWithATokenOnly) {
  options_.stream_age_max = absl::Hours(2);
  EXPECT_EQ(StreamOf(Get("/mine?token=" + Token({{"sub", "ann"}}))).reader.age_max, absl::Hours(2));
  EXPECT_EQ(StreamOf(Get("/open")).reader.age_max, absl::InfiniteDuration());
}

TEST_F(FrontDeskTest, SendsAwayWhoseTokenCannotBeJudgedYet) {
  JwtVerifierOptions verifier;
  verifier.providers = {{.issuer = "https://a", .audiences = {}, .keys = {}}};
  options_.verifier = std::make_shared<const JwtVerifier>(*JwtVerifier::Make(verifier));
  const std::string target = "/mine?token=" + Token({{"sub", "ann"}, {"iss", "https://a"}});
  const Reply stream = ReplyTo(Get(target));
  EXPECT_EQ(stream.status, 200) << "EventSource gives up for good on any other";
  EXPECT_NE(stream.body.find(R"({"reason":"keys-unavailable"})"), std::string::npos);
  for (const char* accept : {"text/event-stream; weir=1", "application/json"}) {
    const Reply reply = ReplyTo(Get(target, accept));
    EXPECT_EQ(reply.status, 503);
    EXPECT_NE(reply.headers.find("Retry-After: "), std::string::npos);
  }
  EXPECT_EQ(ReplyTo(Get("/mine?token=" + Token({{"sub", "ann"}}))).status, 401);
}

TEST_F(FrontDeskTest, AsksForAToken) {
  for (const std::string target : {"/mine", "/mine?token=", "/mine?token=x", "/mine?start=bad"}) {
    const Reply reply = ReplyTo(Get(target));
    EXPECT_EQ(reply.status, 401) << target;
    EXPECT_EQ(TypeOf(reply), "urn:weir:problem:unauthorized");
    EXPECT_NE(reply.headers.find("WWW-Authenticate: Bearer\r\n"), std::string::npos);
    EXPECT_NE(reply.headers.find("Access-Control-Allow-Origin"), std::string::npos);
  }
}

TEST_F(FrontDeskTest, OrdersAPoll) {
  const auto decision = Get("/open?cursor=abcdefgh-5&limit=7&wait=3s", "application/json");
  const auto* order = std::get_if<PollOrder>(&decision);
  ASSERT_NE(order, nullptr);
  EXPECT_TRUE(order->request.has_cursor);
  EXPECT_TRUE(order->request.reader.resumed);
  EXPECT_EQ(order->request.reader.start.cursor.sequence, 5U);
  EXPECT_EQ(order->request.limit, 7U);
  EXPECT_EQ(order->request.wait, absl::Seconds(3));
  EXPECT_EQ(
      order->headers.find("Content-Type: application/json\r\nCache-Control: no-store\r\nVary: Accept, Origin\r\n"), 0U);
}

TEST_F(FrontDeskTest, AnswersAPoll) {
  FrontDesk desk(options_);
  const std::string headers = "Content-Type: application/json\r\nCache-Control: no-store\r\nVary: Accept\r\n";
  const Reply good = desk.PollReply(std::string("{}"), headers);
  EXPECT_EQ(good.status, 200);
  EXPECT_EQ(good.headers, headers);
  EXPECT_EQ(good.body, "{}");
  const Reply unavailable = desk.PollReply(absl::UnavailableError("no server"), headers);
  EXPECT_EQ(unavailable.status, 503);
  EXPECT_EQ(unavailable.headers,
            "Content-Type: application/problem+json\r\nCache-Control: no-store\r\nVary: Accept\r\nRetry-After: 1\r\n");
  EXPECT_EQ(TypeOf(unavailable), "urn:weir:problem:unavailable");
  EXPECT_EQ(desk.PollReply(absl::InvalidArgumentError("cursor"), headers).status, 400);
  EXPECT_EQ(desk.PollReply(absl::InternalError("secret"), headers).status, 500);
  EXPECT_EQ(desk.PollReply(absl::InternalError("secret"), headers).body.find("secret"), std::string::npos);
}

TEST_F(FrontDeskTest, RefusesWithAStatusAndAType) {
  const struct {
    std::string method;
    std::string target;
    std::string accept;
    bool has_body;
    int status;
    std::string_view type;
  } cases[] = {
      {"GET", "/nothing", "", false, 404, "not-found"},
      {"GET", "/open/", "", false, 404, "not-found"},
      {"GET", "/OPEN", "", false, 404, "not-found"},
      {"GET", "/", "", false, 404, "not-found"},
      {"POST", "/nothing", "", false, 404, "not-found"},
      {"OPTIONS", "/nothing", "", false, 404, "not-found"},
      {"POST", "/open", "", false, 405, "method-not-allowed"},
      {"POST", "/open", "", true, 405, "method-not-allowed"},
      {"get", "/open", "", false, 405, "method-not-allowed"},
      {"CONNECT", "/open", "", false, 405, "method-not-allowed"},
      {"GET", "/open", "", true, 413, "body-refused"},
      {"GET", "/open", "text/html", false, 406, "not-acceptable"},
      {"GET", "/open", "text/event-stream;q=0", false, 406, "not-acceptable"},
      {"GET", "open", "", false, 400, "bad-request"},
      {"GET", "/open?start=x", "", false, 400, "bad-request"},
      {"GET", "/open?%zz", "", false, 400, "bad-request"},
      {"GET", "/open%00", "", false, 400, "bad-request"},
      {"GET", "/open?limit=0", "application/json", false, 400, "bad-request"},
      {"GET", "/open?last_event_id=x", "application/json", false, 400, "bad-request"},
      {"GET", "/open?last_event_id=abcdefgh-1&last_event_id=abcdefgh-1", "", false, 400, "bad-request"},
  };
  for (const auto& test : cases) {
    RequestHead head;
    head.method = test.method;
    head.target = test.target;
    head.accept = test.accept;
    head.has_body = test.has_body;
    const Reply reply = ReplyTo(Decide(head));
    EXPECT_EQ(reply.status, test.status) << test.method << " " << test.target;
    EXPECT_EQ(TypeOf(reply), "urn:weir:problem:" + std::string(test.type)) << test.target;
    EXPECT_EQ(reply.status == 405, reply.headers.find("Allow: GET, HEAD, OPTIONS") != std::string::npos);
    EXPECT_TRUE(!test.has_body || reply.close);
  }
}

TEST_F(FrontDeskTest, AnswersHeadWithTheHeadersAlone) {
  RequestHead head;
  head.method = "HEAD";
  head.target = "/open";
  Reply reply = ReplyTo(Decide(head));
  EXPECT_EQ(reply.status, 200);
  EXPECT_TRUE(reply.is_stream);
  head.accept = "application/json";
  reply = ReplyTo(Decide(head));
  EXPECT_NE(reply.headers.find("application/json"), std::string::npos);
  head.target = "/mine";
  EXPECT_EQ(ReplyTo(Decide(head)).status, 401);
}

TEST_F(FrontDeskTest, AnswersAPreflight) {
  RequestHead head;
  head.method = "OPTIONS";
  head.target = "/mine";
  head.origin = "https://app.example.com";
  head.preflight = true;
  Reply reply = ReplyTo(Decide(head));
  EXPECT_EQ(reply.status, 204);
  EXPECT_NE(reply.headers.find("Access-Control-Allow-Headers: Authorization"), std::string::npos);
  head.origin = "https://other.example.com";
  reply = ReplyTo(Decide(head));
  EXPECT_EQ(reply.status, 204);
  EXPECT_EQ(reply.headers.find("Access-Control-Allow"), std::string::npos);
  EXPECT_EQ(reply.headers.find("other"), std::string::npos);
}

TEST_F(FrontDeskTest, SendsANativeClientAwayWithAStreamThatEnds) {
  const Reply reply = ReplyTo(Get("/open", "text/event-stream", {.overloaded = true}));
  EXPECT_EQ(reply.status, 200);
  EXPECT_TRUE(reply.is_stream);
  EXPECT_TRUE(reply.close);
  EXPECT_EQ(reply.body.find("event: weir.overloaded\n"), 0U) << reply.body;
  EXPECT_NE(reply.body.find("retry: "), std::string::npos);
  EXPECT_NE(reply.body.find("data: {\"reason\":\"overloaded\"}\n"), std::string::npos);
  EXPECT_TRUE(reply.body.ends_with("\n\n"));
}

TEST_F(FrontDeskTest, SendsOthersAwayWithAStatus) {
  for (const std::string accept : {"text/event-stream; weir=1", "application/json"}) {
    const Reply reply = ReplyTo(Get("/open", accept, {.overloaded = true}));
    EXPECT_EQ(reply.status, 503) << accept;
    EXPECT_EQ(TypeOf(reply), "urn:weir:problem:overloaded");
    EXPECT_NE(reply.headers.find("Retry-After: "), std::string::npos);
    EXPECT_TRUE(reply.close);
  }
}

TEST_F(FrontDeskTest, WhileDrainingTheHubEndsNativeStreamsAndAnswersPolls) {
  EXPECT_TRUE(std::holds_alternative<StreamRequest>(Get("/open", "", {.draining = true})));
  EXPECT_TRUE(std::holds_alternative<PollOrder>(Get("/open", "application/json", {.draining = true})));
  const Reply reply = ReplyTo(Get("/open", "text/event-stream; weir=1", {.draining = true}));
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(TypeOf(reply), "urn:weir:problem:draining");
  EXPECT_NE(reply.headers.find("Retry-After: "), std::string::npos);
}

TEST_F(FrontDeskTest, AStoppedRouteTellsBrowsersNotToComeBack) {
  for (const std::string accept : {"", "text/event-stream", "text/event-stream; weir=1"}) {
    // Nothing else about the request matters, nor how the edge is.
    for (const EdgeCondition& condition : {EdgeCondition{}, EdgeCondition{.overloaded = true, .draining = true}}) {
      const Reply reply = ReplyTo(Get("/stopped?token=old&start=bad", accept, condition));
      EXPECT_EQ(reply.status, 204) << accept;
      EXPECT_EQ(reply.body, "");
      EXPECT_FALSE(reply.close);
      // Without it a page of another origin sees a lost connection, and comes back.
      EXPECT_NE(reply.headers.find("Access-Control-Allow-Origin: https://app.example.com\r\n"), std::string::npos);
    }
  }
  const Reply poll = ReplyTo(Get("/stopped", "application/json"));
  EXPECT_EQ(poll.status, 410);
  EXPECT_EQ(TypeOf(poll), "urn:weir:problem:stopped");
}

TEST_F(FrontDeskTest, RoutesWinOverFiles) {
  std::string name = (std::filesystem::temp_directory_path() / "weir-desk-XXXXXX").string();
  ASSERT_NE(::mkdtemp(name.data()), nullptr);
  std::ofstream(name + "/open") << "a file";
  std::ofstream(name + "/index.html") << "home";
  options_.static_files = std::make_shared<const StaticFiles>(*StaticFiles::Open({.directory = name}));
  EXPECT_TRUE(std::holds_alternative<StreamRequest>(Get("/open")));
  EXPECT_EQ(ReplyTo(Get("/")).body, "home");
  const Reply missing = ReplyTo(Get("/missing"));
  EXPECT_EQ(missing.status, 404);
  EXPECT_NE(missing.headers.find("Access-Control-Allow-Origin: https://app.example.com\r\n"), std::string::npos);
  EXPECT_EQ(ReplyTo(Get("/", "", {.overloaded = true})).status, 503);
  RequestHead head;
  head.method = "POST";
  head.target = "/index.html";
  EXPECT_EQ(ReplyTo(Decide(head)).status, 405);
  std::filesystem::remove_all(name);
}

TEST_F(FrontDeskTest, SendsAwayAPrincipalThatHasTooManyStreams) {
  options_.principal_full = [](std::string_view principal) { return principal == "ann"; };
  const std::string ann = "/mine?token=" + Token({{"sub", "ann"}});
  const Reply native = ReplyTo(Get(ann));
  EXPECT_EQ(native.status, 200);
  EXPECT_NE(native.body.find(R"({"reason":"too-many-streams"})"), std::string::npos);
  const Reply fetch = ReplyTo(Get(ann, "text/event-stream; weir=1"));
  EXPECT_EQ(fetch.status, 429);
  EXPECT_EQ(TypeOf(fetch), "urn:weir:problem:too-many-streams");
  EXPECT_TRUE(std::holds_alternative<PollOrder>(Get(ann, "application/json")));
  EXPECT_EQ(StreamOf(Get("/mine?token=" + Token({{"sub", "bob"}}))).reader.principal, "bob");
  EXPECT_EQ(ReplyTo(Get("/mine?token=x")).status, 401) << "a stranger is told nothing of it";
}

TEST_F(FrontDeskTest, TellsPrincipalsOfDifferentIssuersApart) {
  const auto principal = [this](const nlohmann::json& claims) {
    return StreamOf(Get("/staff?token=" + Token(claims))).reader.principal;
  };
  const nlohmann::json one = {{"iss", "https://one.example"}, {"sub", "ann"}, {"roles", "staff"}};
  nlohmann::json other = one;
  other["iss"] = "https://other.example";
  EXPECT_EQ(principal(one), principal(one));
  EXPECT_NE(principal(one), principal(other));
  EXPECT_NE(principal({{"iss", "b"}, {"sub", "a"}, {"roles", "staff"}}),
            principal({{"sub", "ab"}, {"roles", "staff"}}));
  EXPECT_EQ(principal({{"iss", "b"}, {"roles", "staff"}}), "") << "there is no subject";
  options_.principal_full = [full = principal(one)](std::string_view asked) { return asked == full; };
  EXPECT_EQ(ReplyTo(Get("/staff?token=" + Token(one), "text/event-stream; weir=1")).status, 429);
  EXPECT_NE(principal(other), "");
}

}  // namespace
}  // namespace weir::edge
