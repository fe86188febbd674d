#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "edge/routes.h"

namespace weir::edge {
namespace {

using testing::ElementsAre;

Routes Compile(std::string_view yaml) {
  config::v1::Edge edge;
  const auto file = ConfigFile::Parse(yaml, "edge.yaml", &edge);
  EXPECT_TRUE(file.ok()) << file.status();
  auto routes = Routes::Compile(edge, *file);
  EXPECT_TRUE(routes.ok()) << routes.status();
  return *std::move(routes);
}

// Routes that followed others, and what was asked of the upstream for it.
class RoutesReloadTest : public testing::Test {
 protected:
  void Reload(std::string_view yaml, Coverage now = {1, 100}) {
    widened_.clear();
    presentations_ = 0;
    before_ = routes_;
    Routes next = Compile(yaml);
    const absl::Status status = next.Succeed(routes_, [&](const auto& filters, uint32_t presentations) {
      widened_ = filters;
      presentations_ = presentations;
      return now;
    });
    ASSERT_TRUE(status.ok()) << status;
    routes_ = std::move(next);
  }
  bool IsSame(std::string_view path) const { return before_.Find(path) == routes_.Find(path); }
  uint64_t CoveredAfter(std::string_view path) const { return routes_.Find(path)->coverage.after; }

  Routes routes_ =
      Compile("routes: [{path: /a, filters: [a.b]}, {path: /b, filters: [a.c], json: {field_names: proto}}]");
  Routes before_;
  std::vector<std::string> widened_;
  uint32_t presentations_ = 0;
};

TEST_F(RoutesReloadTest, RoutesThatMeanTheSameGoOn) {
  // Only the writing differs, and the order.
  Reload(R"(
routes:
  - {path: /b, filters: [a.c], json: {field_names: proto}, start: latest, gap_event: weir.gap, retry: 2s, auth: none}
  - {path: /a, filters: [a.b], connected: {event: weir.connected}, heartbeat: {interval: 25s}, envelope: {kind: none}}
)");
  EXPECT_TRUE(IsSame("/a"));
  EXPECT_TRUE(IsSame("/b"));
  EXPECT_THAT(widened_, ElementsAre());
}

TEST_F(RoutesReloadTest, EveryDifferenceThatAReaderSeesMakesAnotherRoute) {
  for (const std::string_view route :
       {"filters: [a.d]", "filters: [a.b, a.c]", "filters: [a.b], types: [x.Y]", "filters: [a.b], event_name: n",
        "filters: [a.b], envelope: {kind: event}", "filters: [a.b], json: {field_names: proto}",
        "filters: [a.b], connected: {event: c}", "filters: [a.b], connected: {data: {x: 1}}",
        "filters: [a.b], heartbeat: {interval: 1s}", "filters: [a.b], heartbeat: {event: h}",
        "filters: [a.b], gap_event: g", "filters: [a.b], start: last", "filters: [a.b], replay_max: 1h",
        "filters: [a.b], retry: 1s", "filters: [a.b], stopped: true"}) {
    const Routes before = routes_;
    Reload("routes: [{path: /a, " + std::string(route) + "}, {path: /b, filters: [a.c], json: {field_names: proto}}]");
    EXPECT_FALSE(IsSame("/a")) << route;
    EXPECT_TRUE(IsSame("/b")) << route;
    routes_ = before;
  }
}

TEST_F(RoutesReloadTest, ANewFilterIsCoveredFromTheReloadOn) {
  Reload("routes: [{path: /a, filters: [a.b]}, {path: /new, filters: [a.b, x.y]}]");
  EXPECT_THAT(widened_, ElementsAre("a.b", "a.c", "x.y")) << "old filters too: their last readers are still there";
  EXPECT_EQ(CoveredAfter("/a"), 0U);
  EXPECT_EQ(CoveredAfter("/new"), 100U);
  EXPECT_THAT(routes_.upstream_filters(), ElementsAre("a.b", "x.y"));
  // A later route with that filter knows since when it is there; and one that went and came back began again.
  Reload("routes: [{path: /newer, filters: [x.y]}, {path: /c, filters: [a.c]}]", {1, 200});
  EXPECT_EQ(CoveredAfter("/newer"), 100U);
  EXPECT_EQ(CoveredAfter("/c"), 200U);
}

TEST_F(RoutesReloadTest, OldFiltersInANewRouteNeedNothing) {
  Reload("routes: [{path: /a, filters: [a.b]}, {path: /both, filters: [a.b, a.c]}]");
  EXPECT_THAT(widened_, ElementsAre());
  EXPECT_EQ(CoveredAfter("/both"), 0U);
}

TEST_F(RoutesReloadTest, ALaterGenerationOfTheTailCoversWhatCameBefore) {
  Reload("routes: [{path: /a, filters: [a.b]}, {path: /new, filters: [x.y]}]", {1, 100});
  Reload("routes: [{path: /newer, filters: [x.y, z]}]", {2, 5});
  EXPECT_EQ(routes_.Find("/newer")->coverage.generation, 2U);
  EXPECT_EQ(CoveredAfter("/newer"), 5U);
}

TEST_F(RoutesReloadTest, ANewPresentationGetsAnIndexThatNobodyUses) {
  const uint32_t proto = routes_.Find("/b")->presentation_index;
  Reload(R"(
routes:
  - {path: /b, filters: [a.c], json: {field_names: proto}}
  - {path: /e, filters: [a.b], envelope: {kind: event}}
)");
  EXPECT_TRUE(IsSame("/b"));
  EXPECT_EQ(routes_.Find("/e")->presentation_index, 2U) << "0 is that of /a, whose readers may still be there";
  EXPECT_EQ(presentations_, 3U);
  EXPECT_EQ(CoveredAfter("/e"), 100U) << "older events have no place for it";
  EXPECT_EQ(routes_.presentations()[0], nullptr);
  // Now nobody has 0 any more.
  Reload(R"(
routes:
  - {path: /b, filters: [a.c], json: {field_names: proto}}
  - {path: /e, filters: [a.b], envelope: {kind: event}}
  - {path: /m, filters: [a.b], event_name: message}
)",
         {1, 200});
  EXPECT_EQ(routes_.Find("/b")->presentation_index, proto);
  EXPECT_EQ(routes_.Find("/m")->presentation_index, 0U);
  EXPECT_EQ(CoveredAfter("/m"), 200U);
  EXPECT_TRUE(IsSame("/e"));
  for (const auto& route : routes_.all()) {
    EXPECT_EQ(route->presentation, routes_.presentations()[route->presentation_index]) << route->path;
  }
}

// Older events have no place for it, however often routes change meanwhile.
TEST_F(RoutesReloadTest, APresentationIsCoveredSinceItCame) {
  Reload("routes: [{path: /a, filters: [a.b], envelope: {kind: event}}]", {1, 100});
  EXPECT_EQ(CoveredAfter("/a"), 100U);
  Reload("routes: [{path: /a, filters: [a.b], envelope: {kind: event}, retry: 1s}]", {1, 200});
  EXPECT_THAT(widened_, ElementsAre()) << "all that it needs is there";
  EXPECT_EQ(CoveredAfter("/a"), 100U);
  Reload("routes: [{path: /c, filters: [a.b], envelope: {kind: event}}, {path: /m, filters: [a.b]}]", {1, 300});
  EXPECT_EQ(CoveredAfter("/c"), 100U);
  EXPECT_EQ(CoveredAfter("/m"), 300U);
}

TEST_F(RoutesReloadTest, MoreFiltersThanTheServerTakesAreRefused) {
  const auto many = [](const std::string& prefix) {
    std::string yaml = "routes:\n";
    for (int i = 0; i < 40; ++i) {
      yaml += "- {path: /" + std::to_string(i) + ", filters: [";
      for (int j = 0; j < 16; ++j) {
        yaml += (j > 0 ? "," : "") + prefix + "." + std::to_string(i * 16 + j);
      }
      yaml += "]}\n";
    }
    return yaml;
  };
  routes_ = Compile(many("a"));
  Routes next = Compile(many("b"));
  bool asked = false;
  const absl::Status status = next.Succeed(routes_, [&](const auto&, uint32_t) {
    asked = true;
    return Coverage();
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_FALSE(asked);
}

TEST_F(RoutesReloadTest, AWebSocketIsAPresentationMore) {
  Reload("routes: [{path: /a, filters: [a.b], websocket: true}]", {1, 100});
  EXPECT_FALSE(IsSame("/a"));
  const std::shared_ptr<const Route> route = routes_.Find("/a");
  EXPECT_EQ(route->presentation_index, 0U);
  EXPECT_EQ(route->message_presentation, routes_.presentations()[route->message_presentation_index]);
  EXPECT_EQ(route->message_presentation->options().framing, Framing::kWebSocket);
  EXPECT_EQ(CoveredAfter("/a"), 100U) << "older events have no place for its messages";
  Reload("routes: [{path: /a, filters: [a.b], websocket: true}]", {1, 200});
  EXPECT_TRUE(IsSame("/a"));
  Reload("routes: [{path: /a, filters: [a.b]}]", {1, 300});
  EXPECT_EQ(routes_.Find("/a")->message_presentation, nullptr);
  EXPECT_EQ(CoveredAfter("/a"), 0U);
}

}  // namespace
}  // namespace weir::edge
