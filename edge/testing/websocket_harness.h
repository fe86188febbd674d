// A hub with readers over WebSocket, for tests.
#ifndef WEIR_EDGE_TESTING_WEBSOCKET_HARNESS_H_
#define WEIR_EDGE_TESTING_WEBSOCKET_HARNESS_H_

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "edge/testing/client_frame.h"
#include "edge/testing/hub_harness.h"
#include "edge/websocket/answers.h"
#include "gtest/gtest.h"

namespace weir::edge {

inline TailOptions TwoPresentations() {
  TailOptions options;
  options.presentations = 2;
  return options;
}

class FanoutWebSocketTest : public testing::Test, public HubHarness, protected TokenJudge {
 protected:
  explicit FanoutWebSocketTest(HubOptions options = {}, TailOptions tail_options = TwoPresentations())
      : HubHarness(tail_options, options) {
    PresentationOptions messages;
    messages.framing = Framing::kWebSocket;
    route->message_presentation_index = 1;
    route->message_presentation = std::make_shared<Presentation>(messages);
  }

  std::variant<Renewal, Refusal> Renew(const Route&, const Identity& identity, const std::optional<std::string>& token,
                                       absl::Time) override {
    EXPECT_EQ(identity[0], 7);
    if (token != "good") {
      return Refusal{close_code::kForbidden, reason::kPrincipalChanged, "somebody else"};
    }
    return Renewal{now + absl::Minutes(10), now + absl::Minutes(11), {.key = 9}, age_max};
  }

  absl::Duration age_max = absl::InfiniteDuration();  // as a renewal says

  StreamRequest Socket(std::vector<std::string> filters, ReadStart start = {}) {
    StreamRequest request = Request(std::move(filters), start);
    WebSocketRequest& web_socket = request.web_socket.emplace();
    web_socket.judge = this;
    web_socket.identity[0] = 7;
    web_socket.allowed = {"a.>", "b", "c"};
    AppendAuthSuccess(absl::InfiniteFuture(), web_socket.answer);
    return request;
  }
  std::unique_ptr<TestReader> OpenSocket(StreamRequest request, int receive_buffer = 0) {
    std::unique_ptr<TestReader> reader = Open(std::move(request), receive_buffer);
    EXPECT_TRUE(Until(*reader, [&] { return !Messages(*reader, "event").empty(); }));
    return reader;
  }

  static std::vector<ServerFrame> Frames(const TestReader& reader) { return ServerFrames(reader.raw()); }
  // The texts that have that member.
  static std::vector<nlohmann::json> Messages(const TestReader& reader, const std::string& member) {
    std::vector<nlohmann::json> messages;
    for (const ServerFrame& frame : Frames(reader)) {
      if (frame.opcode == Opcode::kText) {
        if (nlohmann::json message = nlohmann::json::parse(frame.payload); message.contains(member)) {
          messages.push_back(std::move(message));
        }
      }
    }
    return messages;
  }
  // The data of the log's events.
  static std::vector<std::string> Data(const TestReader& reader) {
    std::vector<std::string> data;
    for (const nlohmann::json& message : Messages(reader, "event")) {
      if (message["event"] == "t.Event") {
        data.push_back(message["data"]);
      }
    }
    return data;
  }
  bool UntilData(TestReader& reader, size_t events) {
    return Until(reader, [&] { return Data(reader).size() >= events; });
  }
  // Waits for the close frame and the end; the code.
  uint16_t CloseCode(TestReader& reader) {
    EXPECT_TRUE(Until(reader, [&] { return reader.ended(); }));
    const std::vector<ServerFrame> frames = Frames(reader);
    return !frames.empty() && frames.back().opcode == Opcode::kClose ? frames.back().code() : 0;
  }
  std::string Ask(TestReader& reader, const nlohmann::json& message) {
    const size_t before = Messages(reader, "type").size();
    reader.Write(ClientText(message.dump()));
    EXPECT_TRUE(Until(reader, [&] { return Messages(reader, "type").size() > before; }));
    const std::vector<nlohmann::json> answers = Messages(reader, "type");
    return answers.size() > before ? answers[before].dump() : "";
  }
  uint64_t Closed(CloseReason reason) const { return hub.counters().closed[static_cast<size_t>(reason)].get(); }
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_TESTING_WEBSOCKET_HARNESS_H_
