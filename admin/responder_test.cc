#include "admin/responder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/counter.h>
#include <prometheus/registry.h>

#include <memory>
#include <nlohmann/json.hpp>

namespace weir::admin {
namespace {

using testing::HasSubstr;

TEST(Responder, IsHealthyAndReadyUnlessToldOtherwise) {
  for (const char* path : {"/healthz", "/readyz", "/readyz?verbose=1"}) {
    const Answer answer = Respond("GET", path, {});
    EXPECT_EQ(answer.status, 200u) << path;
    EXPECT_EQ(answer.body, "ok\n") << path;
  }
}

TEST(Responder, SaysWhyNot) {
  AdminOptions options;
  options.health = [] { return absl::InternalError("the log is poisoned"); };
  options.ready = [] { return absl::UnavailableError("the tail is being filled \xff"); };
  const Answer health = Respond("GET", "/healthz", options);
  EXPECT_EQ(health.status, 503u);
  EXPECT_EQ(health.content_type, "application/problem+json");
  EXPECT_EQ(nlohmann::json::parse(health.body), nlohmann::json({{"type", "urn:weir:problem:unhealthy"},
                                                                {"title", "Unhealthy"},
                                                                {"status", 503},
                                                                {"detail", "the log is poisoned"}}));
  const Answer ready = Respond("HEAD", "/readyz", options);
  EXPECT_EQ(ready.status, 503u);
  EXPECT_THAT(ready.body, HasSubstr("the tail is being filled"));
}

TEST(Responder, SaysBesideReadyWhatAnOperatorShouldKnow) {
  AdminOptions options;
  options.ready_note = [] { return "insecure: everybody can come"; };
  const Answer answer = Respond("GET", "/readyz", options);
  EXPECT_EQ(answer.status, 200u);
  EXPECT_EQ(answer.body, "ok\ninsecure: everybody can come\n");
  EXPECT_EQ(Respond("GET", "/healthz", options).body, "ok\n");
}

TEST(Responder, WritesTheMetricsOfAllCollectables) {
  AdminOptions options;
  for (const char* name : {"weir_a_total", "weir_b_total"}) {
    auto registry = std::make_shared<prometheus::Registry>();
    prometheus::BuildCounter().Name(name).Help("What it counts").Register(*registry).Add({{"k", "v"}}).Increment(3);
    options.collectables.push_back(registry);
  }
  const Answer answer = Respond("GET", "/metrics", options);
  EXPECT_EQ(answer.status, 200u);
  EXPECT_EQ(answer.content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(answer.body, HasSubstr("# HELP weir_a_total What it counts\n# TYPE weir_a_total counter\n"
                                     "weir_a_total{k=\"v\"} 3\n"));
  EXPECT_THAT(answer.body, HasSubstr("weir_b_total{k=\"v\"} 3\n"));
  EXPECT_EQ(Respond("GET", "/metrics", {}).body, "");
}

TEST(Responder, RefusesOtherPathsAndMethods) {
  for (const char* path : {"/", "", "*", "/health", "/healthz/", "/metrics/x", "http://a/healthz", "?/healthz"}) {
    EXPECT_EQ(Respond("GET", path, {}).status, 404u) << path;
  }
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "get"}) {
    const Answer answer = Respond(method, "/healthz", {});
    EXPECT_EQ(answer.status, 405u) << method;
    EXPECT_TRUE(answer.allow);
    EXPECT_EQ(answer.content_type, "application/problem+json");
  }
}

}  // namespace
}  // namespace weir::admin
