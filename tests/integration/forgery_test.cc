// Whatever publishers and requests hold, none of it becomes a field of a stream, a line of a log or a metric.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/system.h"

namespace weir::testing {
namespace {

using nlohmann::json;

constexpr int kEvents = 300;
constexpr int kRequests = 200;

class ForgeryTest : public ::testing::Test {
 protected:
  ForgeryTest() {
    WriteFile(system_.edge_config_path(), "log_level: trace\n" + FiveRoutesYaml());
    system_.StartServer({"--engine", "memory", "--log-level", "trace"});
    system_.StartEdge({"--threads", "2"});
    EXPECT_TRUE(system_.WaitReady());
  }

  // Text that wants to be something else.
  std::string Hostile() {
    static const std::vector<std::string> kParts = {"\n",
                                                    "\r",
                                                    "\r\n\r\n",
                                                    "\n\n",
                                                    "event: forged\n",
                                                    "id: forged-1\n",
                                                    "data: forged\n\n",
                                                    "retry: 1\n",
                                                    ":\n",
                                                    std::string(1, '\0'),
                                                    "\xE2\x80\xA8",
                                                    "\xC2\x85",
                                                    "\"}",
                                                    "\\",
                                                    "\nweir_forged_total 1\n",
                                                    "\"} 1\nweir_forged{a=\"",
                                                    "\n2026-01-01T00:00:00.000Z error forged\n",
                                                    "\x1B[31m",
                                                    "\r\nSet-Cookie: forged=1\r\n\r\n",
                                                    "</script><script>forged()</script>",
                                                    "0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
                                                    "plain"};
    std::string text;
    for (size_t parts = 1 + random_() % 5; parts > 0; --parts) {
      text += kParts[random_() % kParts.size()];
    }
    return text;
  }
  static std::string Encoded(std::string_view text) {
    std::string out;
    for (const char c : text) {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return out;
  }
  static std::vector<std::string> Lines(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
      lines.push_back(std::move(line));
    }
    return lines;
  }
  static bool HasControl(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](char c) { return (c >= 0 && c < 0x20) || c == 0x7F; });
  }
  static void ExpectCleanLog(const std::string& path) {
    const std::vector<std::string> lines = Lines(ReadFile(path));
    EXPECT_GT(lines.size(), 0U);
    for (const std::string& line : lines) {
      EXPECT_TRUE(line.starts_with("20") && line.find("Z ") == 23) << path << ": " << line;
      EXPECT_FALSE(line.starts_with("2026-01-01T00:00:00.000Z error forged")) << path;
      EXPECT_FALSE(HasControl(line)) << path << ": " << line;
    }
  }
  static void ExpectCleanMetrics(uint16_t port) {
    const absl::StatusOr<Response> page = Fetch(port, "/metrics");
    ASSERT_TRUE(page.ok()) << page.status();
    EXPECT_EQ(page->body.find("forged"), std::string::npos) << page->body;
    for (const std::string& line : Lines(page->body)) {
      const bool named = line.starts_with("# ") || line.starts_with("weir_") || line.starts_with("sse_") ||
                         line.starts_with("process_");
      EXPECT_TRUE(named && !HasControl(line)) << line;
    }
  }
  // The stream's fields are those that the edge makes, and each event is whole.
  static void ExpectCleanStream(const std::string& raw, const std::vector<std::string>& texts) {
    EXPECT_EQ(raw.find('\r'), std::string::npos);
    EXPECT_EQ(raw.find('\0'), std::string::npos);
    std::vector<std::string> seen;
    std::string name;
    for (const std::string& line : Lines(raw)) {
      if (line.starts_with("event: ")) {
        name = line.substr(7);
        EXPECT_TRUE(name == "weir.connected" || name == "flash_message") << line;
      } else if (line.starts_with("id: ")) {
        EXPECT_EQ(line.find("forged"), std::string::npos) << line;
      } else if (line.starts_with("data: ")) {
        const json data = json::parse(line.substr(6));
        if (name == "flash_message") {
          seen.push_back(data["data"]["text"]);
        }
      } else {
        EXPECT_TRUE(line.empty() || line == ":" || (line == "retry: 2000" && name == "weir.connected")) << line;
      }
    }
    EXPECT_EQ(seen, texts);
  }

  const unsigned seed_ = std::random_device()();
  std::mt19937 random_{seed_};
  System system_;
};

TEST_F(ForgeryTest, NothingBecomesAFieldALogLineOrAMetric) {
  SCOPED_TRACE(seed_);
  absl::StatusOr<SseStream> stream = SseStream::Open(system_.http_port(), "/api/sse");
  ASSERT_TRUE(stream.ok()) << stream.status();
  ASSERT_TRUE(stream->NextNamed("weir.connected").ok());

  std::vector<json> lines;
  for (int i = 0; i < kEvents; ++i) {
    json line = {{"topic", "dispatch.broadcast"}, {"type", "apps.dispatch.v1.FlashMessage"}};
    line["data"] = {{"text", Hostile()}, {"sender", Hostile()}};
    switch (random_() % 8) {
      case 0:
        line["event_id"] = Hostile();
        break;
      case 1:
        line["attributes"] = {{"note", Hostile()}};
        break;
      case 2:
        line["attributes"] = {{Hostile(), "x"}};
        break;
      case 3:
        line["topic"] = "dispatch." + Hostile();
        break;
      case 4:
        line["type"] = "apps." + Hostile();
        break;
      default:
        break;
    }
    lines.push_back(std::move(line));
  }
  const std::vector<json> results = system_.PublishLines(lines);
  std::vector<std::string> texts;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (results[i].contains("cursor") && lines[i]["topic"] == "dispatch.broadcast") {
      texts.push_back(lines[i]["data"]["text"]);
    }
  }
  ASSERT_GT(texts.size(), size_t{kEvents} / 4);
  EXPECT_LT(texts.size(), lines.size()) << "none of them was refused";
  for (size_t i = 0; i < texts.size(); ++i) {
    ASSERT_TRUE(stream->NextNamed("flash_message").ok()) << i;
  }

  for (int i = 0; i < kRequests; ++i) {
    const std::string text = Hostile();
    const std::vector<std::string> requests = {
        fmt::format("GET /api/sse?a={} HTTP/1.1\r\nHost: h\r\nAccept: application/json\r\nConnection: close\r\n\r\n",
                    Encoded(text)),
        fmt::format("GET /{} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", Encoded(text)),
        fmt::format("GET /api/vehicles/updates HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {}\r\nConnection: "
                    "close\r\n\r\n",
                    text),
        fmt::format("GET /api/sse HTTP/1.1\r\nHost: h\r\nAccept: application/json\r\nUser-Agent: {}\r\nOrigin: "
                    "{}\r\nLast-Event-ID: {}\r\nX-Forwarded-For: {}\r\nConnection: close\r\n\r\n",
                    text, Hostile(), Hostile(), Hostile()),
        fmt::format("{} /api/sse HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", text, Hostile())};
    const absl::StatusOr<Connection> connection = Connection::Open(system_.http_port());
    ASSERT_TRUE(connection.ok()) << connection.status();
    static_cast<void>(connection->Send(requests[random_() % requests.size()]));
    static_cast<void>(::shutdown(connection->fd(), SHUT_WR));
    const std::string answer = connection->ReceiveAll(kPatience);
    EXPECT_EQ(answer.find("forged"), std::string::npos) << answer;
    EXPECT_EQ(answer.find("Set-Cookie"), std::string::npos) << answer;
  }
  // A subject with such text, who is signed in.
  for (int i = 0; i < 10; ++i) {
    std::string subject = Hostile() + "\n";
    std::erase(subject, '\0');  // no argument of a program can hold it
    const std::string token = system_.Token(subject);
    const absl::StatusOr<SseStream> mine =
        SseStream::Open(system_.http_port(), "/api/vehicles/updates", {"Authorization: Bearer " + token});
    ASSERT_TRUE(mine.ok()) << mine.status();
    EXPECT_EQ(mine->status(), 200);
    EXPECT_EQ(Fetch(system_.http_port(), "/api/notifications/stream", {"Authorization: Bearer " + token})->status, 403)
        << "it becomes no token of a topic";
  }

  ExpectCleanStream(stream->raw(), texts);
  ExpectCleanMetrics(system_.edge_admin_port());
  ExpectCleanMetrics(system_.server_admin_port());
  ExpectCleanLog(system_.dir().File("edge.log"));
  ExpectCleanLog(system_.dir().File("server.log"));
}

}  // namespace
}  // namespace weir::testing
