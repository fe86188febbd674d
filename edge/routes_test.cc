#include "edge/routes.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace weir::edge {
namespace {

absl::StatusOr<Routes> Compile(std::string_view yaml) {
  config::v1::Edge edge;
  const auto file = ConfigFile::Parse(yaml, "edge.yaml", &edge);
  EXPECT_TRUE(file.ok()) << file.status();
  return file.ok() ? Routes::Compile(edge, *file) : file.status();
}

std::string ErrorOf(std::string_view yaml) {
  const auto routes = Compile(yaml);
  EXPECT_EQ(routes.status().code(), absl::StatusCode::kInvalidArgument) << yaml;
  return std::string(Message(routes.status()));
}

// One route of the path /a with further keys, each on a line of its own.
std::string RouteWith(std::string_view keys) { return fmt::format("routes:\n- path: /a\n  {}\n", keys); }

TEST(RoutesTest, FindsARouteByItsExactPath) {
  const auto routes = Compile("routes: [{path: /a, filters: [a.b]}, {path: /a/b, filters: [a.c]}]");
  ASSERT_TRUE(routes.ok()) << routes.status();
  EXPECT_EQ(routes->Find("/a")->path, "/a");
  EXPECT_EQ(routes->Find("/a/b")->path, "/a/b");
  for (const std::string_view path : {"", "/", "/a/", "/A", "/a/b/c", "a", "/a?"}) {
    EXPECT_EQ(routes->Find(path), nullptr) << path;
  }
}

TEST(RoutesTest, HasTheDefaultsThatAreWrittenDown) {
  const auto routes = Compile("routes: [{path: /a, filters: [a.b]}]");
  const Route& route = *routes->all()[0];
  EXPECT_FALSE(route.auth_required);
  EXPECT_FALSE(route.stopped);
  EXPECT_EQ(route.connected_event, "weir.connected");
  EXPECT_EQ(route.gap_event, "weir.gap");
  EXPECT_EQ(route.upstream_event, "");
  EXPECT_EQ(route.heartbeat_event, "");
  EXPECT_EQ(route.heartbeat_interval, absl::Seconds(25));
  EXPECT_EQ(route.start, ReadStart::Kind::kLatest);
  EXPECT_EQ(route.replay_max, absl::InfiniteDuration());
  EXPECT_EQ(route.retry, absl::Seconds(2));
  EXPECT_EQ(route.presentation->options().envelope, EnvelopeKind::kNone);
  EXPECT_EQ(route.presentation->options().field_names, FieldNames::kCamel);
}

TEST(RoutesTest, TakesEverySetting) {
  const auto routes = Compile(R"(
routes:
  - path: /api/notifications/stream
    filters: ["users.{jwt.sub}.notifications", broadcast.notifications, "x.{query.id|*}"]
    auth: required
    types: [a.v1.B]
    event_name: message
    envelope: {kind: event, members: [timestamp, sequence], attributes: [tenant_id]}
    json: {field_names: proto}
    connected: {event: connected, data: {user_id: "{jwt.sub}"}}
    heartbeat: {interval: 30s, event: heartbeat, data: {connections: "{connections}"}}
    gap_event: gap
    upstream: {event: weir.upstream}
    start: last
    replay_max: 1h
    retry: 500ms
    stopped: true
)");
  ASSERT_TRUE(routes.ok()) << routes.status();
  const Route& route = *routes->all()[0];
  EXPECT_TRUE(route.auth_required);
  EXPECT_TRUE(route.types.contains("a.v1.B"));
  EXPECT_EQ(route.connected_event, "connected");
  EXPECT_EQ(route.heartbeat_event, "heartbeat");
  EXPECT_EQ(route.heartbeat_interval, absl::Seconds(30));
  EXPECT_EQ(route.gap_event, "gap");
  EXPECT_EQ(route.upstream_event, "weir.upstream");
  EXPECT_EQ(route.start, ReadStart::Kind::kLast);
  EXPECT_EQ(route.replay_max, absl::Hours(1));
  EXPECT_EQ(route.retry, absl::Milliseconds(500));
  EXPECT_TRUE(route.stopped);
  const PresentationOptions& options = route.presentation->options();
  EXPECT_EQ(options.envelope, EnvelopeKind::kEvent);
  EXPECT_EQ(options.field_names, FieldNames::kProto);
  EXPECT_EQ(options.members, (std::vector<std::string>{"timestamp", "sequence"}));
  EXPECT_EQ(options.attributes, std::vector<std::string>{"tenant_id"});
  EXPECT_EQ(options.event_name, "message");
  EXPECT_EQ(routes->upstream_filters(),
            (std::vector<std::string>{"users.*.notifications", "broadcast.notifications", "x.*"}));
}

TEST(RoutesTest, RoutesThatShowEventsAlikeShareAPresentation) {
  const auto routes = Compile(R"(
routes:
  - {path: /a, filters: [a.b]}
  - {path: /b, filters: [a.c], heartbeat: {interval: 5s}}
  - {path: /c, filters: [a.b], json: {field_names: proto}}
  - {path: /d, filters: [a.b], envelope: {kind: event, members: [timestamp, eventId]}}
  - {path: /e, filters: [a.b], envelope: {kind: event}}
)");
  ASSERT_TRUE(routes.ok()) << routes.status();
  const std::vector<uint32_t> expected = {0, 0, 1, 2, 2};
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(routes->all()[i]->presentation_index, expected[i]) << i;
    EXPECT_EQ(routes->all()[i]->presentation, routes->presentations()[expected[i]]) << i;
  }
  EXPECT_EQ(routes->presentations().size(), 3U);
  EXPECT_EQ(routes->upstream_filters(), (std::vector<std::string>{"a.b", "a.c"}));
}

TEST(RoutesTest, ExpandsFiltersForAReader) {
  const auto routes =
      Compile(RouteWith("filters: ['z.{jwt.sub}', 'b.{query.q|*}', 'z.{jwt.sub}', a.b]\n  auth: required"));
  ASSERT_TRUE(routes.ok()) << routes.status();
  const nlohmann::json claims = {{"sub", "ann"}};
  RequestValues values;
  values.claims = &claims;
  EXPECT_EQ(*ExpandFilters(*routes->all()[0], values), (std::vector<std::string>{"a.b", "b.*", "z.ann"}));
  values.claims = nullptr;
  EXPECT_EQ(ExpandFilters(*routes->all()[0], values).status().code(), absl::StatusCode::kPermissionDenied);
}

TEST(RoutesTest, NeedsARoute) {
  EXPECT_EQ(ErrorOf("{}").find("edge.yaml"), 0U);
  EXPECT_NE(ErrorOf("routes: []").find("routes: is empty; at least one route is needed"), std::string::npos);
}

TEST(RoutesTest, RefusesABadPath) {
  for (const std::string_view path :
       {"", "a", "/a b", "/a//b", "/../a", "/a/..", "/./a", "/a/.", "/a?x", "/a%20", "/{x}", "/*", "/ä", "/a#"}) {
    const std::string error = ErrorOf(fmt::format("routes: [{{path: '{}', filters: [a.b]}}]", path));
    EXPECT_NE(error.find("routes[0].path: "), std::string::npos) << error;
  }
  EXPECT_NE(ErrorOf(fmt::format("routes: [{{path: /{}, filters: [a]}}]", std::string(256, 'a'))).find("256"),
            std::string::npos);
}

TEST(RoutesTest, RefusesAPathTwice) {
  EXPECT_EQ(ErrorOf("routes:\n- {path: /a, filters: [a]}\n- {path: /a, filters: [b]}\n"),
            "edge.yaml:3:10: routes[1].path: is \"/a\", as another route's before it");
}

TEST(RoutesTest, RefusesWhatIsWrongInARoute) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"auth: none", "routes[0].filters: has 0 filters; allowed is 1 to 16"},
      {"filters: []", "routes[0].filters: has 0 filters"},
      {"filters: [a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a]", "routes[0].filters: has 17 filters"},
      {"filters: [a, b..c]", "routes[0].filters[1]: "},
      {"filters: ['{jwt.}']", "routes[0].filters[0]: "},
      {"filters: ['{env.X}']", "routes[0].filters[0]: "},
      {"filters: ['a{jwt.sub}']", "routes[0].filters[0]: "},
      {"filters: ['{jwt.sub}']", "routes[0].filters[0]: uses a claim of the token"},
      {"filters: [a]\n  types: [a..b]", "routes[0].types[0]: "},
      {"filters: [a]\n  types: ['']", "routes[0].types[0]: "},
      {"filters: [a]\n  event_name: open", "routes[0].event_name: is \"open\""},
      {"filters: [a]\n  event_name: error", "routes[0].event_name: "},
      {"filters: [a]\n  event_name: 'a b'", "routes[0].event_name: "},
      {"filters: [a]\n  event_name: \"a\\nb\"", "routes[0].event_name: "},
      {"filters: [a]\n  event_name: weir.x", "routes[0].event_name: begins with `weir.`"},
      {"filters: [a]\n  event_name: weir.gap", "routes[0].event_name: is \"weir.gap\", which is the name of another"},
      {"filters: [a]\n  event_name: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
       "routes[0].event_name: "},
      {"filters: [a]\n  gap_event: error", "routes[0].gap_event: "},
      {"filters: [a]\n  gap_event: weir.connected", "routes[0].gap_event: "},
      {"filters: [a]\n  connected: {event: open}", "routes[0].connected.event: "},
      {"filters: [a]\n  connected: {event: weir.auth_expired}", "routes[0].connected.event: "},
      {"filters: [a]\n  connected: {event: weir.draining}", "routes[0].connected.event: "},
      {"filters: [a]\n  heartbeat: {event: weir.overloaded}", "routes[0].heartbeat.event: "},
      {"filters: [a]\n  heartbeat: {event: x}\n  gap_event: x", "routes[0].gap_event: "},
      {"filters: [a]\n  upstream: {}", "routes[0].upstream.event: is required"},
      {"filters: [a]\n  upstream: {event: error}", "routes[0].upstream.event: "},
      {"filters: [a]\n  upstream: {event: weir.gap}", "routes[0].upstream.event: "},
      {"filters: [a]\n  upstream: {event: x}\n  event_name: x", "routes[0].event_name: "},
      {"filters: [a]\n  heartbeat: {event: x}\n  event_name: x", "routes[0].event_name: "},
      {"filters: [a]\n  connected: {data: {a: '{jwt.sub}'}}", "routes[0].connected.data: uses a claim"},
      {"filters: [a]\n  connected: {data: {a: '{env.X}'}}", "routes[0].connected.data: "},
      {"filters: [a]\n  heartbeat: {data: {a: b}}", "routes[0].heartbeat.data: needs heartbeat.event"},
      {"filters: [a]\n  heartbeat: {event: x, data: {a: '{jwt.sub}'}}", "routes[0].heartbeat.data: uses a claim"},
      {"filters: [a]\n  heartbeat: {interval: 500ms}", "routes[0].heartbeat.interval: is 500ms; allowed is 1s to 5m"},
      {"filters: [a]\n  heartbeat: {interval: 6m}", "routes[0].heartbeat.interval: "},
      {"filters: [a]\n  start: first", "routes[0].start: is \"first\"; allowed is latest, earliest or last"},
      {"filters: [a]\n  replay_max: 0s", "routes[0].replay_max: "},
      {"filters: [a]\n  retry: 0s", "routes[0].retry: is 0; allowed is 100ms to 1h"},
      {"filters: [a]\n  retry: 2h", "routes[0].retry: "},
      {"filters: [a]\n  envelope: {members: [timestamp]}", "routes[0].envelope.members: needs `kind: event`"},
      {"filters: [a]\n  envelope: {kind: cloudevents, members: [timestamp]}", "routes[0].envelope.members: "},
      {"filters: [a]\n  envelope: {kind: event, members: [type]}", "routes[0].envelope.members[0]: "},
      {"filters: [a]\n  envelope: {kind: event, members: [topic, topic]}", "routes[0].envelope.members[1]: "},
      {"filters: [a]\n  envelope: {attributes: [x]}", "routes[0].envelope.attributes: needs `kind: event`"},
      {"filters: [a]\n  envelope: {kind: event, attributes: [X]}", "routes[0].envelope.attributes[0]: "},
      {"filters: [a]\n  envelope: {kind: event, attributes: ['']}", "routes[0].envelope.attributes[0]: "},
      {"filters: [a]\n  envelope: {kind: event, attributes: [x, x]}", "routes[0].envelope.attributes[1]: "},
      {"filters: [a]\n  envelope: {kind: event, attributes: [data]}", "routes[0].envelope.attributes[0]: "},
      {"filters: [a]\n  envelope: {kind: event, attributes: [topic]}", "routes[0].envelope.attributes[0]: "},
      {"filters: [a]\n  envelope: {kind: cloudevents, attributes: [source]}", "routes[0].envelope.attributes[0]: "},
      {"filters: [a]\n  envelope: {kind: cloudevents, attributes: [spec_version]}",
       "routes[0].envelope.attributes[0]: is \"spec_version\""},
      {"filters: [a]\n  envelope: {kind: cloudevents, attributes: [tenant_id, tenantid]}",
       "routes[0].envelope.attributes[1]: "},
      {"filters: [a]\n  envelope: {kind: event, attributes: [a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q]}",
       "routes[0].envelope.attributes: has 17 attributes; allowed is at most 16"},
  };
  for (const auto& [keys, message] : cases) {
    const std::string error = ErrorOf(RouteWith(keys));
    EXPECT_NE(error.find(message), std::string::npos) << keys << "\n" << error;
    EXPECT_EQ(error.find("edge.yaml:"), 0U) << error;
  }
}

TEST(RoutesTest, BoundsWhatIsAskedOfTheServer) {
  std::string yaml = "routes:\n";
  for (int route = 0; route < 65; ++route) {
    yaml += fmt::format("- path: /r{}\n  filters: [", route);
    for (int filter = 0; filter < 16; ++filter) {
      yaml += fmt::format("r{}.f{}{}", route, filter, filter < 15 ? ", " : "]\n");
    }
  }
  EXPECT_NE(ErrorOf(yaml).find("routes: have 1040 distinct filters together; allowed is at most 1024"),
            std::string::npos);
}

}  // namespace
}  // namespace weir::edge
