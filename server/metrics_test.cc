#include "server/metrics.h"

#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include <string>

namespace weir::server {
namespace {

std::string TextOf(const prometheus::Collectable& collectable) {
  return prometheus::TextSerializer().Serialize(collectable.Collect());
}

bool Holds(const std::string& text, const std::string& line) { return text.find(line + "\n") != std::string::npos; }

TEST(Metrics, CountByOutcome) {
  Metrics metrics;
  metrics.CountPublished({.stored = 3, .duplicate = 2, .refused = 1});
  metrics.CountPublished({.stored = 4, .duplicate = 0, .refused = 0});
  metrics.ObserveCommit(7, absl::Milliseconds(2));
  const std::string text = TextOf(*metrics.collectable());
  EXPECT_TRUE(Holds(text, "weir_events_published_total{outcome=\"stored\"} 7")) << text;
  EXPECT_TRUE(Holds(text, "weir_events_published_total{outcome=\"duplicate\"} 2"));
  EXPECT_TRUE(Holds(text, "weir_events_published_total{outcome=\"refused\"} 1"));
  EXPECT_TRUE(Holds(text, "weir_commit_events_count 1"));
  EXPECT_TRUE(Holds(text, "weir_commit_events_bucket{le=\"16\"} 1"));
  EXPECT_TRUE(Holds(text, "weir_commit_seconds_bucket{le=\"0.001\"} 0"));
  EXPECT_TRUE(Holds(text, "weir_commit_seconds_bucket{le=\"0.003\"} 1"));
}

TEST(Metrics, CountWhatIsRefusedForWhoCalled) {
  Metrics metrics;
  metrics.CountAccessRefused(v1::ERROR_REASON_SUBSCRIBE_DENIED);
  metrics.CountPublished({.stored = 1, .duplicate = 0, .refused = 5, .denied = 3});
  metrics.CountPublished({.stored = 1, .duplicate = 0, .refused = 1, .denied = 1});
  const std::string text = TextOf(*metrics.collectable());
  EXPECT_TRUE(Holds(text, "weir_access_refused_total{reason=\"SUBSCRIBE_DENIED\"} 1")) << text;
  EXPECT_TRUE(Holds(text, "weir_access_refused_total{reason=\"PUBLISH_DENIED\"} 4"));
  EXPECT_TRUE(Holds(text, "weir_events_published_total{outcome=\"refused\"} 6"));
}

TEST(Metrics, ShowTheState) {
  ServerState state;
  state.log.head = 12;
  state.log.earliest = 3;
  state.log.bytes = 456;
  state.poisoned = true;
  state.publish_queue_events = 7;
  state.publish_streams = 4;
  state.subscriptions = 5;
  state.subscriptions_catching_up = 2;
  state.tail_bytes = 99;
  state.connections = {.open = 6, .connections_max = 10, .refused = 20, .refused_of_address = 30};
  state.refused = {{.limit = "subscriptions_max", .calls = 8}, {.limit = "backups", .calls = 1}};
  const std::string text = TextOf(*StateMetrics([state] { return state; }));
  EXPECT_TRUE(Holds(text, "weir_publish_queue_events 7")) << text;
  EXPECT_TRUE(Holds(text, "weir_publish_streams 4"));
  EXPECT_TRUE(Holds(text, "weir_subscriptions{state=\"live\"} 3"));
  EXPECT_TRUE(Holds(text, "weir_subscriptions{state=\"catching_up\"} 2"));
  EXPECT_TRUE(Holds(text, "weir_log_stored_bytes 456"));
  EXPECT_TRUE(Holds(text, "weir_log_head_sequence 12"));
  EXPECT_TRUE(Holds(text, "weir_log_earliest_sequence 3"));
  EXPECT_TRUE(Holds(text, "weir_log_poisoned 1"));
  EXPECT_TRUE(Holds(text, "weir_tail_bytes 99"));
  EXPECT_TRUE(Holds(text, "weir_grpc_connections 6"));
  EXPECT_TRUE(Holds(text, "weir_grpc_connections_max 10"));
  EXPECT_TRUE(Holds(text, "weir_grpc_connections_refused_total{limit=\"connections_max\"} 20"));
  EXPECT_TRUE(Holds(text, "weir_grpc_connections_refused_total{limit=\"connections_per_address\"} 30"));
  EXPECT_TRUE(Holds(text, "weir_grpc_calls_refused_total{limit=\"subscriptions_max\"} 8"));
  EXPECT_TRUE(Holds(text, "weir_grpc_calls_refused_total{limit=\"backups\"} 1"));
}

}  // namespace
}  // namespace weir::server
