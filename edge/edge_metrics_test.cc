#include "edge/edge_metrics.h"

#include <prometheus/text_serializer.h>

#include "edge/testing/hub_harness.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir::edge {
namespace {

using testing::HasSubstr;

class EdgeMetricsTest : public testing::Test, public HubHarness {};

TEST_F(EdgeMetricsTest, CountsStreamsMessagesAndDurationsOfAllHubs) {
  log.Fill(tail, 0);
  Spin();
  HubCounters other;
  other.open_streams.Add(5);
  UpstreamStatus upstream;
  ReloadCounts reloads;
  reloads.failed = 2;
  upstream.connected = true;
  const EdgeMetrics metrics(tail, history, upstream, reloads, {&hub.counters(), &other});
  const auto text = [&metrics] { return prometheus::TextSerializer().Serialize(metrics.Collect()); };

  auto one = OpenAndStart(Request({"a"}));
  auto two = OpenAndStart(Request({"a"}, After(log.At(0))));
  log.Add("a", "1");
  Feed();
  ASSERT_TRUE(Until(*one, 1) && Until(*two, 1));
  EXPECT_THAT(text(), HasSubstr("\nsse_connections_total 7\n"));
  EXPECT_THAT(text(), HasSubstr("\nsse_messages_sent_total{event_type=\"t.Event\"} 2\n"));
  EXPECT_THAT(text(), HasSubstr("\nsse_reconnection_attempts_total{reason=\"resumed\"} 1\n"));
  EXPECT_THAT(text(), HasSubstr("\nweir_edge_frames_rendered_total 1\n"));
  EXPECT_THAT(text(), HasSubstr("\nweir_edge_upstream_connected 1\n"));
  EXPECT_THAT(text(), HasSubstr("\nweir_edge_tail_head 1\n"));
  EXPECT_THAT(text(), HasSubstr("\nweir_edge_config_reloads_total{result=\"error\"} 2\n"));

  now += absl::Seconds(10);
  one->Close();
  ASSERT_TRUE(Until([&] { return hub.open_streams() == 1; }));
  EXPECT_THAT(text(), HasSubstr("\nsse_connections_total 6\n"));
  EXPECT_THAT(text(), HasSubstr("sse_connection_duration_seconds_count 1\n"));
  EXPECT_THAT(text(), HasSubstr("sse_connection_duration_seconds_sum 10\n"));
  EXPECT_THAT(text(), HasSubstr("sse_connection_duration_seconds_bucket{le=\"5\"} 0\n"));
  EXPECT_THAT(text(), HasSubstr("sse_connection_duration_seconds_bucket{le=\"15\"} 1\n"));
  EXPECT_THAT(text(), HasSubstr("sse_connection_duration_seconds_bucket{le=\"+Inf\"} 1\n"));
}

}  // namespace
}  // namespace weir::edge
