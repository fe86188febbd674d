// Every request of bad_requests.jsonl gets the answer that is written beside it, from the real edge, however its bytes
// come in; and nothing of it stays behind.
//
// A line: `name`; `send`, one text or pieces `[text, times]`, each character up to U+00FF being one byte; `status` of
// the first answer and, if it is an error, its `type`; `closed`: the connection ends; `answers`, if more than one.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "tests/support/system.h"

namespace weir::testing {
namespace {

using nlohmann::json;

// Stands in requests where it must not come back.
constexpr std::string_view kCanary = "zqxjkv";
constexpr std::string_view kGood = "GET /api/sse HTTP/1.1\r\nHost: h\r\nAccept: application/json\r\n\r\n";

std::string Bytes(const std::string& text) {
  std::string bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto lead = static_cast<unsigned char>(text[i]);
    bytes +=
        lead < 0x80 ? text[i] : static_cast<char>((lead & 3U) << 6U | (static_cast<unsigned char>(text[++i]) & 0x3FU));
  }
  return bytes;
}

std::string Bytes(const json& send) {
  if (send.is_string()) {
    return Bytes(send.get<std::string>());
  }
  std::string bytes;
  for (const json& piece : send) {
    const std::string text = Bytes(piece.is_string() ? piece.get<std::string>() : piece[0].get<std::string>());
    for (int times = piece.is_string() ? 1 : piece[1].get<int>(); times > 0; --times) {
      bytes += text;
    }
  }
  return bytes;
}

struct BadRequest {
  std::string name;
  std::string send;
  int status = 0;
  std::string type;
  bool closed = false;
  size_t answers = 1;
};

std::vector<BadRequest> Corpus() {
  std::vector<BadRequest> corpus;
  std::ifstream lines(WEIR_BAD_REQUESTS);
  for (std::string line; std::getline(lines, line);) {
    const json entry = json::parse(line);
    corpus.push_back({entry["name"], Bytes(entry["send"]), entry["status"], entry.value("type", ""), entry["closed"],
                      entry.value("answers", size_t{1})});
  }
  return corpus;
}

size_t Count(std::string_view text, std::string_view what) {
  size_t count = 0;
  for (size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + what.size())) {
    ++count;
  }
  return count;
}

// Where answers begin: a detail may also speak of HTTP/1.1.
std::vector<size_t> Answers(std::string_view text) {
  std::vector<size_t> found;
  for (size_t at = text.find("HTTP/1.1 "); at != text.npos; at = text.find("HTTP/1.1 ", at + 1)) {
    if (text.size() > at + 9 && text[at + 9] >= '1' && text[at + 9] <= '5') {
      found.push_back(at);
    }
  }
  return found;
}

// Whether `text` ends with a whole answer, by its Content-Length.
bool IsWhole(std::string_view text) {
  const std::vector<size_t> answers = Answers(text);
  const size_t begin = answers.empty() ? text.npos : answers.back();
  const size_t end = begin == text.npos ? begin : text.find("\r\n\r\n", begin);
  const size_t length = begin == text.npos ? begin : text.find("Content-Length: ", begin);
  return end != text.npos && length < end &&
         text.size() - end - 4 >= static_cast<size_t>(std::atoi(std::string(text.substr(length + 16, 12)).c_str()));
}

class BadRequestsTest : public ::testing::Test {
 protected:
  BadRequestsTest() {
    WriteFile(system_.edge_config_path(), FiveRoutesYaml() +
                                              "  - {path: /ws, filters: [dispatch.broadcast], websocket: true}\n"
                                              "cors: {origins: [\"https://app.example.com\"]}\n");
    system_.StartServer({"--engine", "memory"});
    system_.StartEdge({"--threads", "2"});
    EXPECT_TRUE(system_.WaitReady());
  }

  Connection Connect() const {
    absl::StatusOr<Connection> connection = Connection::Open(system_.http_port());
    EXPECT_TRUE(connection.ok()) << connection.status();
    return *std::move(connection);
  }
  // What comes until `count` answers are there, or the connection ends; `ended` says which.
  static std::string Receive(const Connection& connection, size_t count, bool until_end, bool& ended) {
    std::string got;
    ended = false;
    const absl::Time deadline = absl::Now() + kPatience;
    while (until_end || Answers(got).size() < count || !IsWhole(got)) {
      const absl::StatusOr<std::string> more = connection.Receive(deadline - absl::Now());
      if (!more.ok()) {
        ended = !absl::IsDeadlineExceeded(more.status());
        break;
      }
      got += *more;
    }
    return got;
  }
  // Sends the bytes cut in `pieces`; a server may end the connection before it has read them all.
  void Send(const Connection& connection, std::string_view bytes, size_t pieces) {
    for (; pieces > 1 && bytes.size() > 1; --pieces) {
      const size_t size = 1 + random_() % (bytes.size() - 1);
      static_cast<void>(connection.Send(bytes.substr(0, size)));
      bytes.remove_prefix(size);
    }
    static_cast<void>(connection.Send(bytes));
  }
  void Try(const BadRequest& bad, size_t pieces) {
    const Connection connection = Connect();
    Send(connection, bad.send, pieces);
    bool ended = false;
    const std::string got = Receive(connection, bad.answers, bad.closed, ended);
    EXPECT_EQ(got.substr(0, 13), fmt::format("HTTP/1.1 {} ", bad.status));
    EXPECT_EQ(Answers(got).size(), bad.answers) << got;
    if (!bad.type.empty()) {
      EXPECT_EQ(Count(got, fmt::format("\"type\":\"urn:weir:problem:{}\"", bad.type)), 1U) << got;
    }
    EXPECT_EQ(Count(got, "\r\nX-Content-Type-Options: nosniff\r\n"), bad.answers) << got;
    EXPECT_EQ(got.find(kCanary), std::string::npos) << "it is reflected: " << got;
    EXPECT_EQ(ended, bad.closed) << got;
    EXPECT_EQ(Count(got, "\r\nConnection: close\r\n"), bad.closed ? 1U : 0U) << got;
    if (!bad.closed) {  // nothing of it is left in the connection
      static_cast<void>(connection.Send(kGood));
      EXPECT_EQ(Receive(connection, 1, false, ended).substr(0, 15), "HTTP/1.1 200 OK");
      ++statuses_[200];
    }
    for (const size_t at : Answers(got)) {
      ++statuses_[std::atoi(got.c_str() + at + 9)];
    }
  }
  void ExpectGoodRequestsWork() {
    bool ended = false;
    const Connection connection = Connect();
    static_cast<void>(connection.Send(kGood));
    EXPECT_EQ(Receive(connection, 1, false, ended).substr(0, 15), "HTTP/1.1 200 OK");
    ++statuses_[200];
  }
  double Metric(const std::string& name) const { return System::Metric(system_.edge_admin_port(), name); }

  std::mt19937 random_{std::random_device()()};
  System system_;
  std::map<int, double> statuses_;  // of the answers
};

TEST_F(BadRequestsTest, EachGetsItsAnswerAndLeavesNothingBehind) {
  const std::vector<BadRequest> corpus = Corpus();
  ASSERT_GE(corpus.size(), 400U);
  for (const BadRequest& bad : corpus) {
    for (const size_t pieces : {1, 2, 5}) {
      SCOPED_TRACE(fmt::format("{}, in {} pieces", bad.name, pieces));
      Try(bad, pieces);
    }
    ExpectGoodRequestsWork();
    if (HasFailure()) {
      ADD_FAILURE() << bad.name;
    }
  }
  EXPECT_TRUE(WaitUntil([&] { return Metric("weir_edge_http_connections") == 0; }));
  EXPECT_EQ(Metric("sse_connections_total"), 0);
  EXPECT_EQ(Metric("weir_edge_http_answer_bytes"), 0);
  for (const auto& [status, count] : statuses_) {
    EXPECT_EQ(Metric(fmt::format("weir_edge_http_requests_total{{status=\"{}\"}}", status)), count) << status;
  }
  EXPECT_EQ(ReadFile(system_.dir().File("edge.log")).find(kCanary), std::string::npos) << "it is in the log";
}

// The same in random order, many at a time, with a stream open all the while.
TEST_F(BadRequestsTest, ManyAtATimeDisturbNobody) {
  std::vector<BadRequest> corpus = Corpus();
  absl::StatusOr<SseStream> reader = SseStream::Open(system_.http_port(), "/api/sse");
  ASSERT_TRUE(reader.ok()) << reader.status();
  ASSERT_TRUE(reader->NextNamed("weir.connected").ok());
  std::shuffle(corpus.begin(), corpus.end(), random_);
  std::vector<Connection> open;
  for (const BadRequest& bad : corpus) {
    open.push_back(Connect());
    Send(open.back(), bad.send, 1);
  }
  const std::string cursor = system_.Publish("dispatch.broadcast", "apps.dispatch.v1.FlashMessage", json::object());
  const absl::StatusOr<SseEvent> event = reader->Next();
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_EQ(event->id, cursor);
  open.clear();
  EXPECT_TRUE(WaitUntil([&] { return Metric("weir_edge_http_connections") == 0; }));
  EXPECT_EQ(Metric("sse_connections_total"), 1);
}

}  // namespace
}  // namespace weir::testing
