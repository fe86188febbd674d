// Polls through a listener: an answer that may be long in coming, and what comes behind its request meanwhile.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <chrono>
#include <fstream>
#include <future>
#include <string>
#include <thread>

#include "edge/http/listener_harness.h"

namespace weir::edge {
namespace {

using test::Client;
using test::FakeHub;

TEST_F(ListenerTest, AnswersAPollWhenTheHubDoes) {
  Start();
  Client client;
  ASSERT_TRUE(client.Connect(port_));
  client.Send(kPoll);
  ASSERT_TRUE(hub_.AwaitPolls(1));
  hub_.AnswerPoll(std::string("{\"events\":[]}"));
  const std::string answer = client.ReadUntil("{\"events\":[]}");
  EXPECT_EQ(
      answer.find("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: no-store\r\nVary: Accept\r\n"),
      0U)
      << answer;
  client.Send(kPoll);
  ASSERT_TRUE(hub_.AwaitPolls(2));
  hub_.AnswerPoll(absl::UnavailableError("the server is away"));
  EXPECT_NE(client.ReadUntil("the server is away").find("HTTP/1.1 503 "), std::string::npos);
  EXPECT_EQ(hub_.cancelled(), 0U);
}

TEST_F(ListenerTest, TellsTheHubWhenAPollersClientGoes) {
  Start();
  Client client;
  ASSERT_TRUE(client.Connect(port_));
  client.Send(kPoll);
  ASSERT_TRUE(hub_.AwaitPolls(1));
  client.Close();
  EXPECT_TRUE(hub_.AwaitCancelled());
  AwaitConnections(0);
}

TEST_F(ListenerTest, ServesWhatWasPipelinedBehindAPoll) {
  Start();
  Client client;
  ASSERT_TRUE(client.Connect(port_));
  client.Send(std::string(kPoll) + std::string(kMissing) + std::string(kStream));
  ASSERT_TRUE(hub_.AwaitPolls(1));
  hub_.AnswerPoll(std::string("{\"events\":[]}"));
  const std::string answer = client.ReadUntil("hello\n");
  EXPECT_LT(answer.find("{\"events\":[]}"), answer.find("404 Not Found"));
  EXPECT_TRUE(answer.ends_with("hello\n"));
  EXPECT_EQ(hub_.AwaitStream().reader.route->path, "/open");
  AwaitConnections(1);
}

// What the kernel has for the server's end of a connection, unread; -1: there is no such connection.
int64_t UnreadBytes(uint16_t server_port, uint16_t client_port) {
  std::ifstream table("/proc/net/tcp");
  const std::string ends = fmt::format(" 0100007F:{:04X} 0100007F:{:04X} ", server_port, client_port);
  for (std::string line; std::getline(table, line);) {
    if (const size_t at = line.find(ends); at != std::string::npos) {
      return std::stoll(line.substr(line.find(':', at + ends.size()) + 1, 8), nullptr, 16);
    }
  }
  return -1;
}

// What is sent behind a request under way.
constexpr size_t kBehindBytes = 30'000;

bool AwaitUnread(uint16_t server_port, uint16_t client_port, int64_t bytes) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (UnreadBytes(server_port, client_port) != bytes && std::chrono::steady_clock::now() < end) {
    std::this_thread::yield();
  }
  return UnreadBytes(server_port, client_port) == bytes;
}

// Of it a head and a byte more are taken.
int64_t LeftBehind(size_t head_bytes_max) { return static_cast<int64_t>(kBehindBytes - head_bytes_max - 1); }

// Sends a poll and that behind it. True when the poll is under way and no more is read.
bool PollAndMore(Client& client, uint16_t port, FakeHub& hub, size_t head_bytes_max) {
  if (!client.Connect(port)) {
    return false;
  }
  client.Send(std::string(kPoll) + std::string(kBehindBytes, 'x'));
  return hub.AwaitPolls(1) && AwaitUnread(port, client.port(), LeftBehind(head_bytes_max));
}

// Behind a poll that waits, sent with it and later.
TEST_F(ListenerTest, TakesNoMoreThanAHeadOfWhatComesBehindARequestUnderWay) {
  Start();
  const std::string behind(kBehindBytes, 'x');
  const int64_t left = LeftBehind(options_.connection.head_bytes_max);
  for (const bool together : {true, false}) {
    Client client;
    ASSERT_TRUE(client.Connect(port_));
    client.Send(std::string(kPoll) + (together ? behind : ""));
    ASSERT_TRUE(hub_.AwaitPolls(together ? 1 : 2));
    if (!together) {
      client.Send(behind);
    }
    EXPECT_TRUE(AwaitUnread(port_, client.port(), left)) << together;
  }
}

TEST_F(ListenerTest, SeesAPollersClientGoThoughItIsNotReadOn) {
  Start();
  Client client;
  ASSERT_TRUE(PollAndMore(client, port_, hub_, options_.connection.head_bytes_max));
  client.Close();
  EXPECT_TRUE(hub_.AwaitCancelled());
  AwaitConnections(0);
}

// Nobody reads on because there would be room now.
TEST_F(ListenerTest, SeesAPollersClientGoAfterAReloadThatAllowsMore) {
  Start();
  Client client;
  ASSERT_TRUE(PollAndMore(client, port_, hub_, options_.connection.head_bytes_max));
  options_.connection.head_bytes_max *= 2;
  std::promise<void> reloaded;
  boost::asio::post(hub_.context(), [&] {
    listener_->Reload(desk_, options_.connection);
    reloaded.set_value();
  });
  reloaded.get_future().wait();
  client.Close();
  EXPECT_TRUE(hub_.AwaitCancelled());
  AwaitConnections(0);
}

TEST_F(ListenerTest, DoesNotReadOnWhileARequestIsUnderWay) {
  Start();
  Client client;
  ASSERT_TRUE(client.Connect(port_));
  client.Send(kPoll);
  ASSERT_TRUE(hub_.AwaitPolls(1));
  EXPECT_LT(client.SendUntilStuck(64'000'000), 64'000'000U);
  hub_.AnswerPoll(std::string("{\"events\":[]}"));
  EXPECT_NE(client.ReadUntil("head-too-large").find("HTTP/1.1 431 "), std::string::npos);
}

}  // namespace
}  // namespace weir::edge
