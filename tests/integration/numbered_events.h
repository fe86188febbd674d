// A test's own Weir, whose events are numbered per topic, so that what is lost, repeated or out of order is seen.
#ifndef WEIR_TESTS_INTEGRATION_NUMBERED_EVENTS_H_
#define WEIR_TESTS_INTEGRATION_NUMBERED_EVENTS_H_

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/system.h"

namespace weir::testing {

class NumberedEvents : public ::testing::Test {
 protected:
  static constexpr char kType[] = "apps.dispatch.v1.FlashMessage";
  static constexpr char kEvent[] = "flash_message";

  static nlohmann::json Line(const std::string& topic, int number) {
    return {{"topic", topic}, {"type", kType}, {"data", {{"id", std::to_string(number)}}}};
  }
  // Publishes events `first` … `last` and returns their cursors.
  std::vector<std::string> PublishNumbers(const std::string& topic, int first, int last) {
    std::vector<nlohmann::json> lines;
    for (int i = first; i <= last; ++i) {
      lines.push_back(Line(topic, i));
    }
    std::vector<std::string> cursors;
    for (const nlohmann::json& result : system_.PublishLines(lines)) {
      EXPECT_TRUE(result.contains("cursor")) << result;
      cursors.push_back(result.value("cursor", ""));
    }
    return cursors;
  }

  SseStream Open(const std::string& target, const std::string& last_event_id = "") {
    std::vector<std::string> headers;
    if (!last_event_id.empty()) {
      headers.push_back("Last-Event-ID: " + last_event_id);
    }
    absl::StatusOr<SseStream> stream = SseStream::Open(system_.http_port(), target, headers);
    EXPECT_TRUE(stream.ok()) << stream.status();
    EXPECT_EQ(stream->status(), 200) << stream->head();
    return *std::move(stream);
  }
  // The same, and reads the first block.
  SseStream OpenAndStart(const std::string& target, const std::string& last_event_id = "") {
    SseStream stream = Open(target, last_event_id);
    ExpectNext(stream, "weir.connected");
    return stream;
  }

  // The very next event has that name; returns its data.
  static nlohmann::json ExpectNext(SseStream& stream, const std::string& name) {
    const absl::StatusOr<SseEvent> event = stream.Next(kPatience);
    EXPECT_TRUE(event.ok()) << event.status() << " waiting for " << name;
    if (!event.ok()) {
      return {};
    }
    EXPECT_EQ(event->event, name) << event->data;
    return nlohmann::json::parse(event->data);
  }
  // The very next events are these, and nothing between them.
  static void ExpectNumbers(SseStream& stream, int first, int last) {
    for (int i = first; i <= last; ++i) {
      const nlohmann::json data = ExpectNext(stream, kEvent);
      ASSERT_EQ(data.value("id", ""), std::to_string(i));
    }
  }
  // The stream ends cleanly, with the block that says so.
  static void ExpectDrained(SseStream& stream) {
    ExpectNext(stream, "weir.draining");
    const absl::Status end = stream.Next(kPatience).status();
    EXPECT_TRUE(absl::IsOutOfRange(end)) << end;
  }

  nlohmann::json Poll(const std::string& target) const {
    const absl::StatusOr<Response> response =
        Fetch(system_.http_port(), target, {"Accept: application/json"}, "GET", absl::Seconds(60));
    EXPECT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->status, 200) << response->body;
    return response.ok() && response->status == 200 ? nlohmann::json::parse(response->body) : nlohmann::json();
  }
  int StatusOf(const std::string& target, const std::vector<std::string>& headers = {}) const {
    const absl::StatusOr<Response> response = Fetch(system_.http_port(), target, headers);
    return response.ok() ? response->status : -1;
  }
  double EdgeMetric(const std::string& name) const { return System::Metric(system_.edge_admin_port(), name); }

  System system_;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_INTEGRATION_NUMBERED_EVENTS_H_
