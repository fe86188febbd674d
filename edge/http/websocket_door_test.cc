// Who may come in over WebSocket: the upgrade, and the first message. With them the judging of a new token.
#include "edge/http/websocket_door.h"

#include <chrono>
#include <nlohmann/json.hpp>

#include "base/jwt.h"
#include "edge/http/front_desk.h"
#include "edge/testing/client_frame.h"
#include "edge/websocket/answers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir::edge {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);
constexpr TokenBucket::Instant kInstant{std::chrono::hours(1)};

constexpr std::string_view kRoutes = R"(
routes:
  - path: /open
    filters: ["rooms.{query.room}"]
    websocket: true
    start: earliest
  - path: /mine
    filters: ["users.{jwt.sub}.>", "tenants.{jwt.tenant_id}.goals.{query.goal|*}"]
    auth: required
    websocket: true
    connected: {event: connected, data: {role: "{jwt.role}"}}
  - path: /staff
    filters: [a]
    auth: required
    require: {role: staff}
    websocket: true
  - path: /shared
    filters: [a]
    auth: required
    websocket: true
  - path: /sse
    filters: [a]
  - path: /stopped
    filters: [a]
    websocket: true
    stopped: true
)";

Routes Compiled(std::string_view yaml) {
  config::v1::Edge edge;
  const auto file = ConfigFile::Parse(yaml, "edge.yaml", &edge);
  EXPECT_TRUE(file.ok()) << file.status();
  auto routes = Routes::Compile(edge, *file);
  EXPECT_TRUE(routes.ok()) << routes.status();
  return *std::move(routes);
}

class WebSocketDoorTest : public testing::Test {
 protected:
  WebSocketDoorTest() : key_(*JwtKey::Parse("HS256", "0123456789abcdef0123456789abcdef", "test")), desk_(Options()) {}

  FrontDeskOptions Options(std::string_view yaml = kRoutes) const {
    JwtVerifierOptions verifier;
    verifier.keys = {key_};
    FrontDeskOptions options;
    options.routes = std::make_shared<const Routes>(Compiled(yaml));
    options.verifier = std::make_shared<const JwtVerifier>(*JwtVerifier::Make(verifier));
    options.cors.origins.insert("https://app.example.com");
    return options;
  }
  std::string Token(json claims, absl::Duration ttl = absl::Hours(1)) const {
    claims["exp"] = absl::ToUnixSeconds(kNow + ttl);
    return *SignJwt(key_, claims);
  }
  static RequestHead Head(std::string target) {
    RequestHead head;
    head.method = "GET";
    head.target = std::move(target);
    head.host = "weir.example.com";
    head.upgrade = true;
    head.websocket_key = "dGhlIHNhbXBsZSBub25jZQ==";
    head.websocket_version = "13";
    return head;
  }
  // The status and type of the refusal; 101 and nothing for an upgrade.
  std::pair<int, std::string> Upgrade(const RequestHead& head, EdgeCondition condition = {}) {
    const FrontDesk::Decision decision = desk_.Decide(head, condition, kNow);
    if (const auto* const reply = std::get_if<Reply>(&decision)) {
      EXPECT_TRUE(reply->close);
      return {reply->status, json::parse(reply->body)["type"].get<std::string>().substr(17)};
    }
    return {std::holds_alternative<UpgradeOrder>(decision) ? 101 : 0, ""};
  }
  WebSocketDoor Door(const RequestHead& head) {
    return WebSocketDoor(std::get<UpgradeOrder>(desk_.Decide(head, {}, kNow)).pending, limits_);
  }
  WebSocketDoor::Step Say(const std::string& target, const json& message) {
    return Door(Head(target)).Take(ClientText(message.dump()), desk_, kNow, kInstant);
  }
  StreamRequest Admitted(WebSocketDoor::Step step) {
    EXPECT_TRUE(step.stream) << step.out;
    return step.stream ? *std::move(step.stream) : StreamRequest();
  }
  // The close code and the reason in the message before it.
  static std::pair<uint16_t, std::string> Refused(const WebSocketDoor::Step& step) {
    EXPECT_TRUE(step.closes);
    EXPECT_FALSE(step.stream);
    const std::vector<ServerFrame> frames = ServerFrames(step.out);
    if (frames.size() != 2 || frames[1].opcode != Opcode::kClose) {
      return {0, step.out};
    }
    const json message = json::parse(frames[0].payload);
    EXPECT_EQ(message["type"], frames[1].code() == close_code::kMessage ? "error" : "auth.error");
    EXPECT_EQ(frames[1].payload.substr(2), message["reason"].get<std::string>());
    return {frames[1].code(), message["reason"]};
  }
  using Code = std::pair<uint16_t, std::string>;

  JwtKey key_;
  FrontDesk desk_;
  WebSocketLimits limits_;
};

TEST_F(WebSocketDoorTest, UpgradesWhatIsARequestForIt) {
  RequestHead head = Head("/open?room=1");
  const FrontDesk::Decision decision = desk_.Decide(head, {}, kNow);
  EXPECT_THAT(std::get<UpgradeOrder>(decision).head, HasSubstr("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
  using Answer = std::pair<int, std::string>;
  head.websocket_version = "8";
  EXPECT_EQ(Upgrade(head), Answer(426, "websocket-version"));
  head = Head("/open?room=1");
  head.websocket_key = "short";
  EXPECT_EQ(Upgrade(head), Answer(400, "bad-request"));
  head = Head("/open?room=1");
  head.http11 = false;
  EXPECT_EQ(Upgrade(head), Answer(400, "bad-request"));
  head = Head("/open?room=1");
  head.origin = "https://evil.example";
  EXPECT_EQ(Upgrade(head), Answer(403, "origin-refused"));
  for (const std::string origin : {"https://app.example.com", "https://weir.example.com"}) {
    head.origin = origin;
    EXPECT_EQ(Upgrade(head).first, 101) << origin;
  }
  EXPECT_EQ(Upgrade(Head("/open?room=1&start=never")), Answer(400, "bad-request"));
  EXPECT_EQ(Upgrade(Head("/sse")), Answer(400, "no-websocket"));
  EXPECT_EQ(Upgrade(Head("/stopped")), Answer(410, "stopped"));
  EXPECT_EQ(Upgrade(Head("/open?room=1"), {.overloaded = true}), Answer(503, "overloaded"));
  EXPECT_EQ(Upgrade(Head("/open?room=1"), {.draining = true}), Answer(503, "draining"));
  // Without the upgrade the same path is SSE.
  head = Head("/open?room=1");
  head.upgrade = false;
  EXPECT_TRUE(std::holds_alternative<StreamRequest>(desk_.Decide(head, {}, kNow)));
}

TEST_F(WebSocketDoorTest, TheFirstMessageOpensTheStream) {
  const StreamRequest stream = Admitted(Say("/open?room=1", {{"type", "auth"}}));
  EXPECT_THAT(stream.reader.filters, ElementsAre("rooms.1"));
  EXPECT_EQ(stream.reader.start.kind, ReadStart::Kind::kEarliest) << "the route's";
  EXPECT_EQ(stream.reader.expires, absl::InfiniteFuture());
  EXPECT_THAT(stream.web_socket->allowed, ElementsAre("rooms.1"));
  EXPECT_EQ(stream.web_socket->judge, &desk_);
  EXPECT_EQ(ServerFrames(stream.web_socket->answer)[0].payload, R"({"type":"auth.success"})");
}

// It is one limit, before and behind the first message.
TEST_F(WebSocketDoorTest, TakesAsManyPingsAsMayBeSentAtOnce) {
  limits_.messages_per_minute = 3;
  const std::string ping = ClientFrame(Opcode::kPing, "p");
  const std::string auth = ClientText(R"({"type":"auth"})");
  const StreamRequest stream =
      Admitted(Door(Head("/open?room=1")).Take(ping + ping + auth + ping, desk_, kNow, kInstant));
  EXPECT_EQ(stream.web_socket->limits.messages_per_minute, 3);
  EXPECT_EQ(stream.web_socket->received, ping);
  TokenBucket left = stream.web_socket->messages;
  EXPECT_FALSE(left.Take(3, kInstant));
  EXPECT_TRUE(left.Take(3, kInstant + std::chrono::seconds(20)));

  WebSocketDoor door = Door(Head("/open?room=1"));
  EXPECT_FALSE(door.Take(ping + ping + ClientFrame(Opcode::kPong, ""), desk_, kNow, kInstant).closes);
  const WebSocketDoor::Step step = door.Take(auth, desk_, kNow, kInstant);
  EXPECT_TRUE(step.too_many);
  const std::vector<ServerFrame> frames = ServerFrames(step.out);
  ASSERT_THAT(frames, SizeIs(2));
  EXPECT_EQ(json::parse(frames[0].payload)["reason"], "TOO_MANY_MESSAGES");
  EXPECT_EQ(frames[1].code(), 4429);
  EXPECT_FALSE(step.stream);

  WebSocketDoor later = Door(Head("/open?room=1"));
  EXPECT_FALSE(later.Take(ping + ping + ping, desk_, kNow, kInstant).closes);
  EXPECT_TRUE(later.Take(auth, desk_, kNow, kInstant + std::chrono::seconds(20)).stream);
}

TEST_F(WebSocketDoorTest, ATokenCountsFromTheMessageTheHeaderOrTheQuery) {
  const std::string ann = Token({{"sub", "ann"}, {"tenant_id", "t1"}});
  const std::string bob = Token({{"sub", "bob"}, {"tenant_id", "t2"}});
  RequestHead head = Head("/mine?token=" + bob);
  StreamRequest stream = Admitted(Door(head).Take(ClientText(R"({"type":"auth"})"), desk_, kNow, kInstant));
  EXPECT_EQ(stream.reader.principal, "bob");
  head.authorization = "Bearer " + ann;
  stream = Admitted(Door(head).Take(ClientText(R"({"type":"auth"})"), desk_, kNow, kInstant));
  EXPECT_EQ(stream.reader.principal, "ann");
  EXPECT_THAT(stream.reader.filters, ElementsAre("tenants.t1.goals.*", "users.ann.>"));
  EXPECT_EQ(stream.reader.expires, kNow + absl::Hours(1) + absl::Seconds(30));
  EXPECT_NE(stream.reader.token.key, 0);
  EXPECT_EQ(ServerFrames(stream.web_socket->answer)[0].payload,
            R"({"type":"auth.success","expiresAt":"2027-01-15T09:00:00Z"})");
  stream = Admitted(Door(head).Take(ClientText(json{{"type", "auth"}, {"token", bob}}.dump()), desk_, kNow, kInstant));
  EXPECT_EQ(stream.reader.principal, "bob") << "the message counts first";
}

TEST_F(WebSocketDoorTest, RefusesWithAReasonAndACode) {
  const std::string token = Token({{"sub", "ann"}, {"tenant_id", "t1"}});
  const Code bad_token(4401, "TOKEN_INVALID");
  EXPECT_EQ(Refused(Say("/mine", {{"type", "auth"}})), bad_token);
  EXPECT_EQ(Refused(Say("/mine", {{"type", "auth"}, {"token", "x"}})), bad_token);
  EXPECT_EQ(Refused(Say("/mine", {{"type", "auth"}, {"token", Token({{"sub", "a"}}, -absl::Hours(2))}})), bad_token);
  // A bad token in the message is not mended by a good one elsewhere.
  EXPECT_EQ(Refused(Say("/mine?token=" + token, {{"type", "auth"}, {"token", "x"}})), bad_token);
  EXPECT_EQ(Refused(Say("/mine", {{"type", "auth"}, {"token", Token({{"sub", "ann"}})}})), Code(4403, "NOT_ALLOWED"));
  const Code no_message(4400, "MESSAGE_INVALID");
  EXPECT_EQ(Refused(Say("/open", {{"type", "auth"}})), no_message) << "the route needs a room";
  EXPECT_EQ(Refused(Say("/open?room=a.b", {{"type", "auth"}})), no_message);
  EXPECT_EQ(Refused(Say("/open?room=a&room=b", {{"type", "auth"}})), no_message);
  EXPECT_EQ(Refused(Say("/open?room=1", {{"type", "auth"}, {"start", "never"}})), no_message);
  EXPECT_EQ(Refused(Say("/open?room=1", {{"type", "ping"}})), no_message);
  EXPECT_EQ(Refused(Say("/open?room=1", "nonsense")), no_message);
  EXPECT_EQ(Refused(Say("/open?room=1", {{"type", "auth"}, {"filters", {"rooms.2"}}})),
            Code(4403, "FILTER_NOT_ALLOWED"));
}

TEST_F(WebSocketDoorTest, TheMessageCountsBeforeTheQuery) {
  const auto start = [this](const std::string& target, const json& message) {
    return Admitted(Say(target, message)).reader;
  };
  const std::string both = "/open?room=1&start=last&last_event_id=abcdefgh-5";
  EXPECT_EQ(start(both, {{"type", "auth"}}).start.cursor.sequence, 5);
  EXPECT_EQ(start(both, {{"type", "auth"}, {"cursor", "abcdefgh-7"}}).start.cursor.sequence, 7);
  EXPECT_TRUE(start(both, {{"type", "auth"}, {"cursor", "abcdefgh-7"}}).resumed);
  EXPECT_EQ(start(both, {{"type", "auth"}, {"start", "latest"}}).start.kind, ReadStart::Kind::kLatest);
  EXPECT_EQ(start(both, {{"type", "auth"}, {"start", "latest"}, {"cursor", "abcdefgh-7"}}).start.kind,
            ReadStart::Kind::kAfter);
  EXPECT_EQ(start(both, {{"type", "auth"}, {"cursor", "bad"}}).start.kind, ReadStart::Kind::kMalformedCursor);
  EXPECT_EQ(start("/open?room=1&start=last", {{"type", "auth"}}).start.kind, ReadStart::Kind::kLast);
}

TEST_F(WebSocketDoorTest, MayAskForLessThanTheRouteAllows) {
  const json token = Token({{"sub", "ann"}, {"tenant_id", "t1"}});
  StreamRequest stream = Admitted(
      Say("/mine?goal=7", {{"type", "auth"}, {"token", token}, {"filters", {"users.ann.b", "users.ann.a.*"}}}));
  EXPECT_THAT(stream.reader.filters, ElementsAre("users.ann.a.*", "users.ann.b"));
  EXPECT_THAT(stream.web_socket->allowed, ElementsAre("tenants.t1.goals.7", "users.ann.>"));
  stream = Admitted(Say("/mine", {{"type", "auth"}, {"token", token}, {"filters", json::array()}}));
  EXPECT_THAT(stream.reader.filters, SizeIs(0));
}

TEST_F(WebSocketDoorTest, AnswersPingsAndKeepsWhatComesBehindTheFirstMessage) {
  WebSocketDoor door = Door(Head("/open?room=1"));
  const std::string bytes = ClientFrame(Opcode::kPing, "a") + ClientText(R"({"type":"auth"})") + "rest";
  WebSocketDoor::Step step = door.Take(std::string_view(bytes).substr(0, 10), desk_, kNow, kInstant);
  EXPECT_FALSE(step.closes);
  EXPECT_EQ(ServerFrames(step.out)[0].payload, "a");
  const StreamRequest stream = Admitted(door.Take(std::string_view(bytes).substr(10), desk_, kNow, kInstant));
  EXPECT_EQ(stream.web_socket->received, "rest");
  EXPECT_EQ(Door(Head("/open?room=1")).Take(ClientClose(1000), desk_, kNow, kInstant).out, "\x88\x02\x03\xE8");
  EXPECT_EQ(ServerFrames(WebSocketDoor::TooLate()).back().code(), close_code::kDeadline);
  EXPECT_EQ(ServerFrames(WebSocketDoor::GoingAway()).back().code(), close_code::kGoingAway);
}

TEST_F(WebSocketDoorTest, RefusesAPrincipalThatHasTooManyStreams) {
  WebSocketDoor door = Door(Head("/mine"));
  FrontDeskOptions options = Options();
  options.principal_full = [](std::string_view principal) { return principal == "ann"; };
  desk_.Reload(std::move(options));
  const json message = {{"type", "auth"}, {"token", Token({{"sub", "ann"}, {"tenant_id", "t1"}})}};
  EXPECT_EQ(Refused(door.Take(ClientText(message.dump()), desk_, kNow, kInstant)), Code(4429, "TOO_MANY_STREAMS"));
}

TEST_F(WebSocketDoorTest, ARouteThatWentMeanwhileIsGone) {
  WebSocketDoor door = Door(Head("/open?room=1"));
  desk_.Reload(Options("routes: [{path: /open, filters: [a]}]"));
  EXPECT_EQ(Refused(door.Take(ClientText(R"({"type":"auth"})"), desk_, kNow, kInstant)), Code(4410, "STOPPED"));
}

TEST_F(WebSocketDoorTest, RequiresClaimsAtTheBeginningAndOfEveryRenewal) {
  const json staff = {{"sub", "ann"}, {"role", "staff"}};
  const json other = {{"sub", "ann"}, {"role", "reader"}};
  EXPECT_EQ(Refused(Say("/staff", {{"type", "auth"}, {"token", Token(other)}})), Code(4403, "NOT_ALLOWED"));
  const StreamRequest stream = Admitted(Say("/staff", {{"type", "auth"}, {"token", Token(staff)}}));
  const auto renew = [&](const json& claims) {
    return desk_.Renew(*stream.reader.route, stream.web_socket->identity, Token(claims), kNow);
  };
  EXPECT_TRUE(std::holds_alternative<Renewal>(renew(staff)));
  EXPECT_TRUE(std::holds_alternative<Refusal>(renew(other)));
}

TEST_F(WebSocketDoorTest, RenewsOnlyForTheSamePrincipal) {
  const json claims = {{"sub", "ann"}, {"tenant_id", "t1"}, {"role", "reader"}};
  const StreamRequest stream = Admitted(Say("/mine?goal=7", {{"type", "auth"}, {"token", Token(claims)}}));
  const auto renew = [&](const std::optional<std::string>& token) {
    return desk_.Renew(*stream.reader.route, stream.web_socket->identity, token, kNow);
  };
  json more = claims;
  more["scope"] = "something that the route does not use";
  const auto renewed = renew(Token(more, absl::Hours(3)));
  ASSERT_TRUE(std::holds_alternative<Renewal>(renewed));
  EXPECT_EQ(std::get<Renewal>(renewed).expires, kNow + absl::Hours(3));
  EXPECT_EQ(std::get<Renewal>(renewed).ends, kNow + absl::Hours(3) + absl::Seconds(30));
  EXPECT_EQ(std::get<Renewal>(renewed).token.key, stream.reader.token.key);
  for (const auto& [claim, value] :
       {std::pair("sub", "bob"), {"iss", "another"}, {"tenant_id", "t2"}, {"role", "writer"}}) {
    json other = claims;
    other[claim] = value;
    const auto refused = renew(Token(other));
    ASSERT_TRUE(std::holds_alternative<Refusal>(refused)) << claim;
    EXPECT_EQ(std::get<Refusal>(refused).close_code, close_code::kForbidden) << claim;
    EXPECT_EQ(std::get<Refusal>(refused).reason, reason::kPrincipalChanged) << claim;
  }
  json less = claims;
  less.erase("tenant_id");
  EXPECT_EQ(std::get<Refusal>(renew(Token(less))).close_code, close_code::kForbidden);
  EXPECT_EQ(std::get<Refusal>(renew("x")).close_code, close_code::kToken);
  EXPECT_EQ(std::get<Refusal>(renew(std::nullopt)).close_code, close_code::kToken);
}

TEST_F(WebSocketDoorTest, RenewsATokenWithoutASubjectOnlyForTheSameIssuer) {
  const StreamRequest stream = Admitted(Say("/shared", {{"type", "auth"}, {"token", Token({{"iss", "a"}})}}));
  const auto renew = [&](const json& claims) {
    return desk_.Renew(*stream.reader.route, stream.web_socket->identity, Token(claims), kNow);
  };
  EXPECT_TRUE(std::holds_alternative<Renewal>(renew({{"iss", "a"}})));
  for (const json& claims : {json{{"iss", "b"}}, json::object(), json{{"iss", "a"}, {"sub", "ann"}}}) {
    const auto refused = renew(claims);
    ASSERT_TRUE(std::holds_alternative<Refusal>(refused)) << claims;
    EXPECT_EQ(std::get<Refusal>(refused).reason, reason::kPrincipalChanged) << claims;
  }
}

}  // namespace
}  // namespace weir::edge
