#include "edge/http/listener.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <future>
#include <random>
#include <thread>

#include "edge/http/listener_harness.h"

namespace {

std::atomic<bool> out_of_descriptors = false;
std::atomic<int> refusals = 0;

}  // namespace

// In the place of the C library's: as if the process had no descriptor left, while the rest of it has (UBSan needs
// some).
extern "C" int accept4(int fd, sockaddr* address, socklen_t* size, int flags) {
  if (out_of_descriptors) {
    ++refusals;
    errno = EMFILE;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_accept4, fd, address, size, flags));
}

namespace weir::edge {
namespace {

using std::chrono::milliseconds;
using test::Client;
using test::FakeHub;

TEST_F(ListenerTest, HandsAStreamOverToTheHub) {
  Start();
  Client client;
  ASSERT_TRUE(client.Connect(port_));
  client.Send("GET /open?last_event_id=abcdefgh-3 HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\r\nGET /x");
  EXPECT_EQ(client.ReadUntil("hello\n"), FakeHub::kGreeting);
  const StreamRequest request = hub_.AwaitStream();
  EXPECT_EQ(request.reader.start.cursor.sequence, 3U);
  EXPECT_TRUE(request.reader.resumed);
  EXPECT_TRUE(request.chunked);
  AwaitConnections(1);
}

TEST_F(ListenerTest, KeepsTheConnectionForFurtherRequests) {
  Start();
  Client client;
  ASSERT_TRUE(client.Connect(port_));
  for (size_t i = 1; i <= 3; ++i) {
    client.Send(kMissing);
    client.ReadUntil("\"status\":404}", i);
    EXPECT_EQ(client.Count("\"status\":404}"), i);
  }
  AwaitConnections(1);
  client.Close();
  AwaitConnections(0);
}

TEST_F(ListenerTest, AnswersPipelinedRequestsInOrder) {
  Start();
  const std::string answer = Ask("GET /missing HTTP/1.1\r\nHost: h\r\n\r\nPOST /open HTTP/1.1\r\nHost: h\r\n\r\n" +
                                 std::string(kMissingClose));
  const size_t first = answer.find("\"status\":404}");
  const size_t second = answer.find("\"status\":405");
  const size_t third = answer.find("\"status\":404}", first + 1);
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
  EXPECT_NE(third, std::string::npos);
}

TEST_F(ListenerTest, PutsAHeadTogetherFromItsPieces) {
  Start();
  Client client;
  ASSERT_TRUE(client.Connect(port_));
  for (const char c : kMissing) {
    client.Send({&c, 1});
  }
  EXPECT_NE(client.ReadUntil("\"status\":404}").find("404 Not Found"), std::string::npos);
}

TEST_F(ListenerTest, RefusesAHeadThatIsTooLarge) {
  Start();
  const std::string large = "GET /open HTTP/1.1\r\nHost: h\r\nX: " + std::string(1024, 'x');
  for (const std::string& request : {large, large + "\r\n\r\n"}) {
    const std::string answer = Ask(request);
    EXPECT_EQ(answer.find("HTTP/1.1 431 "), 0U) << answer;
    EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos);
  }
}

TEST_F(ListenerTest, RefusesWhatIsNoHttp) {
  Start();
  EXPECT_EQ(Ask("\x16\x03\x01\x02").find("HTTP/1.1 400 "), 0U);
  EXPECT_EQ(Ask("GET / HTTP/1.1\r\nbad\r\n\r\n").find("HTTP/1.1 400 "), 0U);
  EXPECT_EQ(Ask("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").find("HTTP/1.1 505 "), 0U);
}

TEST_F(ListenerTest, EndsARequestThatDoesNotCome) {
  options_.connection.head_timeout = milliseconds(500);
  Start();
  EXPECT_EQ(Ask("GET /open HT").find("HTTP/1.1 408 "), 0U);
  EXPECT_EQ(LimitedBy("head_timeout"), 1);
  EXPECT_EQ(Ask(""), "");
  EXPECT_EQ(LimitedBy("head_timeout"), 2);
}

TEST_F(ListenerTest, EndsAConnectionThatIdles) {
  options_.connection.keep_alive_timeout = milliseconds(20);
  Start();
  EXPECT_NE(Ask(kMissing).find("404 Not Found"), std::string::npos);
  AwaitConnections(0);
  EXPECT_EQ(LimitedBy("keep_alive_timeout"), 1);
}

TEST_F(ListenerTest, SpeaksHttp10) {
  Start();
  const std::string answer = Ask("GET /missing HTTP/1.0\r\n\r\n");
  EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos);
  Client client;
  ASSERT_TRUE(client.Connect(port_));
  client.Send("GET /open HTTP/1.0\r\n\r\n");
  client.ReadUntil("hello\n");
  EXPECT_FALSE(hub_.AwaitStream().chunked);
}

TEST_F(ListenerTest, EndsWhereItSaysSoOfAStreamThatWasOnlyAskedAbout) {
  Start();
  Client client;
  ASSERT_TRUE(client.Connect(port_));
  client.Send("HEAD /open HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_NE(client.ReadAll().find("Connection: close\r\n"), std::string::npos);
  EXPECT_TRUE(client.ended());
}

TEST_F(ListenerTest, DeliversItsRefusalOfALargeBody) {
  Start();
  const std::string answer =
      Ask("GET /open HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n" + std::string(100'000, 'x'));
  EXPECT_EQ(answer.find("HTTP/1.1 413 "), 0U);
  EXPECT_NE(answer.find("body-refused"), std::string::npos);
}

TEST_F(ListenerTest, SendsALargeAnswerToASlowReader) {
  ServeFile(1'000'000);
  Start();
  Client client(true);
  ASSERT_TRUE(client.Connect(port_));
  client.Send("GET /file.txt HTTP/1.1\r\nHost: h\r\n\r\n" + std::string(kMissing));
  const std::string answer = client.ReadUntil("\"status\":404}");
  EXPECT_NE(answer.find(std::string(1'000'000, 'x') + "ENDHTTP/1.1 404"), std::string::npos);
}

// Each answer's `Date` says how many there were before it.
TEST_F(ListenerTest, AnswersOthersBetweenManyRequestsOfOneConnection) {
  ServeFile(4'000'000);
  options_.connection.head_bytes_max = 64 * 1024;
  int64_t answers = 0;
  options_.clock = [&answers] { return absl::FromUnixSeconds(answers++); };
  Start();
  Client greedy;
  Client other;
  for (Client* const client : {&greedy, &other}) {
    ASSERT_TRUE(client->Connect(port_));
    client->Send(kMissing);
    client->ReadUntil("\"status\":404}");
  }
  constexpr int kRequests = 1000;
  std::string requests;
  for (int i = 0; i < kRequests; ++i) {
    requests += "HEAD /file.txt HTTP/1.1\r\nHost: h\r\n\r\n";
  }
  // The hub finds both connections readable at once.
  std::promise<void> sent;
  hub_.Post([&sent] { sent.get_future().wait(); });
  greedy.Send(requests);
  other.Send(kMissing);
  sent.set_value();
  const std::string among = other.ReadUntil("\"status\":404}", 2);
  greedy.ReadUntil("Content-Length: 4000003\r\n", kRequests);
  EXPECT_EQ(greedy.Count("Content-Length: 4000003\r\n"), size_t{kRequests});
  const std::string date = among.substr(among.rfind("Date: ") + 6, 29);
  absl::Time answered;
  ASSERT_TRUE(absl::ParseTime("%a, %d %b %Y %H:%M:%S GMT", date, &answered, nullptr)) << date;
  EXPECT_LT(absl::ToUnixSeconds(answered), 100) << "of " << kRequests;
}

TEST_F(ListenerTest, HoldsNoMoreOfAnswersThatAreNotTakenThanItsLimit) {
  ServeFile(4'000'000);
  limits_.answer_bytes_max = 9'000'000;
  Start();
  const std::string request = "GET /file.txt HTTP/1.1\r\nHost: h\r\n\r\n";
  std::vector<std::unique_ptr<Client>> stopped;
  for (int i = 0; i < 2; ++i) {
    stopped.push_back(std::make_unique<Client>(true));
    ASSERT_TRUE(stopped.back()->Connect(port_));
    stopped.back()->Send(request);
    stopped.back()->ReadUntil("\r\n\r\n");
  }
  Client refused;
  ASSERT_TRUE(refused.Connect(port_));
  refused.Send(request + std::string(kMissing));
  const std::string answer = refused.ReadUntil("\"status\":404}");
  EXPECT_EQ(answer.find("HTTP/1.1 503 "), 0U) << "small answers need no room";
  EXPECT_NE(answer.find("Retry-After: 1\r\n"), std::string::npos);
  EXPECT_EQ(metrics_.AddAnswerBytes(0) / 4'000'000, 2U);
  EXPECT_EQ(LimitedBy("answer_bytes_max"), 1);
  stopped.pop_back();
  AwaitConnections(2);
  refused.Send(request);
  EXPECT_NE(refused.ReadUntil("END").find("END"), std::string::npos);
  stopped.clear();
  refused.Close();
  AwaitConnections(0);
  EXPECT_EQ(metrics_.AddAnswerBytes(0), 0U);
}

TEST_F(ListenerTest, EndsAnAnswerThatIsNotTaken) {
  ServeFile(4'000'000);
  options_.connection.write_timeout = milliseconds(20);
  Start();
  Client client(true);
  ASSERT_TRUE(client.Connect(port_));
  client.Send("GET /file.txt HTTP/1.1\r\nHost: h\r\n\r\n");
  client.ReadUntil("\r\n\r\n");
  AwaitConnections(0);
  EXPECT_EQ(LimitedBy("slow_reader_timeout"), 1);
}

TEST_F(ListenerTest, WhileDrainingEndsConnectionsAfterTheirAnswer) {
  Start();
  Client idle;
  ASSERT_TRUE(idle.Connect(port_));
  idle.Send(kMissing);
  idle.ReadUntil("\"status\":404}");
  admission_->BeginDrain();
  hub_.Post([this] { listener_->CloseIdle(); });
  idle.ReadAll();
  EXPECT_TRUE(idle.ended());
  EXPECT_NE(Ask(kMissing).find("Connection: close\r\n"), std::string::npos);
}

TEST_F(ListenerTest, GoesOnWhenDescriptorsAreFreeAgain) {
  Start();
  refusals = 0;
  out_of_descriptors = true;
  Client client;
  ASSERT_TRUE(client.Connect(port_));  // the kernel completes it; nobody can accept it
  client.Send(kMissingClose);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (refusals < 3 && std::chrono::steady_clock::now() < end) {
    std::this_thread::yield();
  }
  EXPECT_GE(refusals, 3) << "it does not try again";
  EXPECT_EQ(admission_->total(), 0);
  out_of_descriptors = false;
  EXPECT_NE(client.ReadAll().find("404 Not Found"), std::string::npos);
}

// Damaged requests, cut anywhere: whatever the answer is, nothing stays behind and the next client is served.
TEST_F(ListenerTest, SurvivesDamagedRequests) {
  Start(1000);
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 300; ++i) {
    std::string request = std::string(kMissing) + std::string(kPoll) + std::string(kMissingClose);
    for (int damage = 0; damage < 4; ++damage) {
      request[random() % request.size()] = static_cast<char>(random() % 256);
    }
    Client client;
    ASSERT_TRUE(client.Connect(port_));
    client.Send(request.substr(0, random() % (request.size() + 1)));
    if (i % 2 == 0) {
      client.EndSending();
    }
  }
  EXPECT_NE(Ask(kMissingClose).find("404 Not Found"), std::string::npos);
  AwaitOnlyStreams();  // some have become one
}

TEST_F(ListenerTest, CountsItsAnswers) {
  Start(1);
  Ask(kMissingClose);
  Ask("GET /missing HTTP/1.0\r\n\r\n");
  hub_.PretendStreams(17);
  Ask("");
  const auto families = metrics_.Collect();
  EXPECT_EQ(families[0].name, "weir_edge_http_requests_total");
  ASSERT_EQ(families[0].metric.size(), 1U);
  EXPECT_EQ(families[0].metric[0].label[0].value, "404");
  EXPECT_EQ(families[0].metric[0].counter.value, 2);
  EXPECT_EQ(families[2].metric[0].counter.value, 1);
}

TEST_F(ListenerTest, SharesAPortBetweenThreads) {
  Start();
  const auto second = ListeningSocket::Open({"127.0.0.1", port_}, 64 * 1024);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->address().port, port_);
  EXPECT_EQ(ListeningSocket::CheckFree({"127.0.0.1", port_}).code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(ListeningSocket::CheckFree({"127.0.0.1", 0}).ok());
}

TEST(ListeningSocketTest, NamesTheAddressItCannotHave) {
  const int taken = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  void* const raw = &address;
  socklen_t size = sizeof(address);
  ASSERT_EQ(::bind(taken, static_cast<sockaddr*>(raw), size), 0);
  ASSERT_EQ(::listen(taken, 1), 0);
  ASSERT_EQ(::getsockname(taken, static_cast<sockaddr*>(raw), &size), 0);
  const auto socket = ListeningSocket::Open({"127.0.0.1", ntohs(address.sin_port)}, 64 * 1024);
  EXPECT_EQ(socket.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(socket.status().ToString().find("127.0.0.1:"), std::string::npos);
  ::close(taken);
  EXPECT_FALSE(ListeningSocket::Open({"no-such-host.invalid", 0}, 64 * 1024).ok());
}

}  // namespace
}  // namespace weir::edge
