// A WebSocket's client that says more than it may, or never finishes what it says: it is told, its connection ends, and
// others notice nothing.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "edge/testing/client_frame.h"
#include "tests/support/system.h"

namespace weir::testing {
namespace {

using edge::ClientFrame;
using edge::ClientText;
using edge::Opcode;
using edge::ServerFrame;

const std::string kPing = ClientFrame(Opcode::kPing, "p");
const std::string kAuth = ClientText(R"({"type":"auth"})");

class RawWebSocket {
 public:
  explicit RawWebSocket(uint16_t port) : connection_(*Connection::Open(port)) {
    Send(
        "GET /flash HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    EXPECT_TRUE(Until([this] { return bytes_.find("\r\n\r\n") != std::string::npos; }));
    EXPECT_TRUE(bytes_.starts_with("HTTP/1.1 101 ")) << bytes_;
    bytes_.erase(0, bytes_.find("\r\n\r\n") + 4);
  }

  void Send(const std::string& bytes) { connection_.Send(bytes).IgnoreError(); }
  size_t Count(Opcode opcode) const {
    size_t count = 0;
    for (const ServerFrame& frame : edge::ServerFrames(bytes_)) {
      count += frame.opcode == opcode ? 1 : 0;
    }
    return count;
  }
  template <typename Condition>
  bool Until(Condition condition, absl::Duration timeout = kPatience) {
    const absl::Time deadline = absl::Now() + timeout;
    while (!condition()) {
      absl::StatusOr<std::string> more = connection_.Receive(deadline - absl::Now());
      if (!more.ok()) {
        return false;
      }
      bytes_ += *more;
    }
    return true;
  }
  // How the edge ends it: the close frame, and the reason of the message before.
  std::pair<int, std::string> End() {
    Until([this] { return Count(Opcode::kClose) > 0; });
    const std::vector<ServerFrame> frames = edge::ServerFrames(bytes_);
    if (frames.size() < 2 || frames.back().opcode != Opcode::kClose) {
      return {0, bytes_};
    }
    return {frames.back().code(), nlohmann::json::parse(frames[frames.size() - 2].payload).value("reason", "")};
  }

 private:
  Connection connection_;
  std::string bytes_;
};

class WebSocketLimitsTest : public ::testing::Test {
 protected:
  void Start(const std::string& limits) {
    WriteFile(system_.edge_config_path(),
              "routes: [{path: /flash, filters: [dispatch.>], websocket: true}]\nlimits: " + limits + "\n");
    system_.StartServer({"--engine", "memory"});
    system_.StartEdge();
    ASSERT_TRUE(system_.WaitReady());
  }
  double Closed(const std::string& reason) const {
    return System::Metric(system_.edge_admin_port(), "weir_edge_streams_closed_total{reason=\"" + reason + "\"}");
  }
  double Limited(const std::string& limit) const {
    return System::Metric(system_.edge_admin_port(), "weir_edge_http_limited_total{limit=\"" + limit + "\"}");
  }

  System system_;
};

TEST_F(WebSocketLimitsTest, WhoSaysTooMuchIsToldAndClosed) {
  using End = std::pair<int, std::string>;
  Start("{websocket_messages_per_minute: 20}");
  RawWebSocket good(system_.http_port());
  good.Send(kAuth);
  RawWebSocket bad(system_.http_port());
  std::string all;
  for (int i = 0; i < 10; ++i) {
    all += kPing;
  }
  all += kAuth;
  for (int i = 0; i < 30; ++i) {
    all += ClientText(R"({"type":"ping"})");
  }
  bad.Send(all);
  EXPECT_EQ(bad.End(), End(4429, "TOO_MANY_MESSAGES"));
  EXPECT_EQ(bad.Count(Opcode::kPong), 10);
  EXPECT_LT(bad.Count(Opcode::kText), 20) << "auth.success, connected, nine pongs and the error: it is one limit";
  EXPECT_TRUE(WaitUntil([this] { return Closed("rate") == 1; }));

  RawWebSocket unknown(system_.http_port());
  std::string pings;
  for (int i = 0; i < 40; ++i) {
    pings += kPing;
  }
  unknown.Send(pings);
  EXPECT_EQ(unknown.End(), End(4429, "TOO_MANY_MESSAGES"));
  EXPECT_TRUE(WaitUntil([this] { return Limited("websocket_messages_per_minute") == 1; }));

  good.Send(ClientText(R"({"type":"ping"})"));
  EXPECT_TRUE(good.Until([&] { return good.Count(Opcode::kText) == 3; })) << "auth.success, connected and pong";
}

TEST_F(WebSocketLimitsTest, WhoDoesNotFinishIsToldAndClosed) {
  using End = std::pair<int, std::string>;
  Start("{head_timeout: 4s}");
  RawWebSocket good(system_.http_port());
  good.Send(kAuth);
  RawWebSocket fragment(system_.http_port());
  fragment.Send(kAuth + ClientFrame(Opcode::kText, R"({"type")", false));
  RawWebSocket frame(system_.http_port());
  frame.Send(kAuth + kPing.substr(0, kPing.size() - 1));
  int pings = 0;
  while (!fragment.Until([&] { return fragment.Count(Opcode::kClose) > 0; }, absl::Milliseconds(100)) && pings < 100) {
    fragment.Send(kPing);
    ++pings;
  }
  EXPECT_EQ(fragment.End(), End(4408, "DEADLINE_EXCEEDED")) << pings << " pings";
  EXPECT_EQ(frame.End(), End(4408, "DEADLINE_EXCEEDED"));
  EXPECT_TRUE(WaitUntil([this] { return Closed("deadline") == 2; }));
  // That one has been there as long, and nothing was begun.
  good.Send(ClientText(R"({"type":"ping"})"));
  EXPECT_TRUE(good.Until([&] { return good.Count(Opcode::kText) == 3; }));
}

}  // namespace
}  // namespace weir::testing
