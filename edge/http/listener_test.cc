#include "edge/http/listener.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <prometheus/metric_family.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>
#include <utility>

#include "edge/http/fake_hub.h"
#include "edge/http/test_client.h"

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

class ListenerTest : public testing::Test {
 protected:
  ListenerTest() {
    config::v1::Edge edge;
    const auto file = ConfigFile::Parse("routes: [{path: /open, filters: [a.b]}]", "edge.yaml", &edge);
    routes_ = *Routes::Compile(edge, *file);
    desk_.routes = std::make_shared<const Routes>(routes_);
    options_.connection = {.head_bytes_max = 1024,
                           .head_timeout = std::chrono::seconds(30),
                           .keep_alive_timeout = std::chrono::seconds(30),
                           .write_timeout = std::chrono::seconds(30)};
    options_.sweep_interval = milliseconds(5);
    options_.accept_pause = milliseconds(5);
  }
  ~ListenerTest() override {
    hub_.Stop();
    listener_.reset();
    if (!directory_.empty()) {
      std::filesystem::remove_all(directory_);
    }
  }

  void Start(size_t connections_max = 100) {
    limits_.connections_max = connections_max;
    auto socket = ListeningSocket::Open({"127.0.0.1", 0}, 64 * 1024);
    ASSERT_TRUE(socket.ok()) << socket.status();
    port_ = socket->address().port;
    admission_.emplace(limits_, census_, std::vector<const Hub*>{&hub_}, metrics_);
    listener_ = std::make_unique<Listener>(hub_, *std::move(socket), desk_, options_, *admission_);
    hub_.Run();
  }
  void ServeFile(size_t size) {
    directory_ = (std::filesystem::temp_directory_path() / "weir-listener-XXXXXX").string();
    ASSERT_NE(::mkdtemp(directory_.data()), nullptr);
    std::ofstream(directory_ + "/file.txt") << std::string(size, 'x') << "END";
    desk_.static_files = std::make_shared<const StaticFiles>(*StaticFiles::Open({.directory = directory_}));
  }
  // What a request gets on a connection of its own, until the server ends it.
  std::string Ask(std::string_view request) {
    Client client;
    EXPECT_TRUE(client.Connect(port_));
    client.Send(request);
    std::string answer = client.ReadAll();
    EXPECT_TRUE(client.ended()) << request;
    return answer;
  }
  void TrustLoopback() { options_.connection.trusted_proxies = {*Network::Parse("127.0.0.0/8")}; }
  // The request as a proxy passes it on for that address; an empty one: as its own.
  static std::string From(std::string_view address, std::string_view request) {
    std::string text(request);
    if (!address.empty()) {
      text.insert(text.find("\r\n") + 2, "X-Forwarded-For: " + std::string(address) + "\r\n");
    }
    return text;
  }
  // As admission counts it.
  static std::string KeyOf(std::string_view address) {
    const uint64_t key = IpAddress::Parse(address)->client_key();
    std::string name(sizeof(key), '\0');
    std::memcpy(name.data(), &key, sizeof(key));
    return name;
  }
  std::vector<std::unique_ptr<Client>> OpenStreams(std::string_view address, int count) {
    std::vector<std::unique_ptr<Client>> streams;
    for (int i = 0; i < count; ++i) {
      streams.push_back(std::make_unique<Client>());
      EXPECT_TRUE(streams.back()->Connect(port_));
      streams.back()->Send(From(address, "GET /open HTTP/1.1\r\nHost: h\r\n\r\n"));
      EXPECT_EQ(streams.back()->ReadUntil("hello\n"), FakeHub::kGreeting) << address;
    }
    return streams;
  }
  double Value(std::string_view family, std::string_view label = "") const {
    for (const auto& found : metrics_.Collect()) {
      for (const auto& metric : found.metric) {
        if (found.name == family && (label.empty() || metric.label.at(0).value == label)) {
          return metric.counter.value;
        }
      }
    }
    return -1;
  }
  double LimitedBy(std::string_view limit) const { return Value("weir_edge_http_limited_total", limit); }
  void AwaitConnections(size_t count) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (admission_->total() != count && std::chrono::steady_clock::now() < end) {
      std::this_thread::yield();
    }
    EXPECT_EQ(admission_->total(), count);
  }

  std::string directory_;
  Routes routes_;
  FrontDeskOptions desk_;
  ListenerOptions options_;
  ConnectionCensus census_;
  FakeHub hub_;
  HttpMetrics metrics_;
  AdmissionLimits limits_;
  std::optional<Admission> admission_;
  std::unique_ptr<Listener> listener_;
  uint16_t port_ = 0;
};

constexpr std::string_view kMissing = "GET /missing HTTP/1.1\r\nHost: h\r\n\r\n";
constexpr std::string_view kMissingClose = "GET /missing HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
constexpr std::string_view kStream = "GET /open HTTP/1.1\r\nHost: h\r\n\r\n";
constexpr std::string_view kFetch = "GET /open HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream; weir=1\r\n\r\n";
constexpr std::string_view kPoll = "GET /open HTTP/1.1\r\nHost: h\r\nAccept: application/json\r\n\r\n";

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
  options_.connection.head_timeout = milliseconds(20);
  Start();
  EXPECT_EQ(Ask("GET /open HT").find("HTTP/1.1 408 "), 0U);
  EXPECT_EQ(Ask(""), "");
}

TEST_F(ListenerTest, EndsAConnectionThatIdles) {
  options_.connection.keep_alive_timeout = milliseconds(20);
  Start();
  EXPECT_NE(Ask(kMissing).find("404 Not Found"), std::string::npos);
  AwaitConnections(0);
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
}

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

TEST_F(ListenerTest, AboveItsLimitSendsEachClientAwayInItsOwnWay) {
  Start(2);
  hub_.PretendStreams(2);
  const std::string native = Ask(kStream);
  EXPECT_EQ(native.find("HTTP/1.1 200 OK\r\n"), 0U);
  EXPECT_NE(native.find("event: weir.overloaded\n"), std::string::npos);
  EXPECT_TRUE(native.ends_with("\r\n0\r\n\r\n"));
  const std::string fetch = Ask("GET /open HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream; weir=1\r\n\r\n");
  EXPECT_EQ(fetch.find("HTTP/1.1 503 "), 0U);
  EXPECT_NE(fetch.find("Retry-After: "), std::string::npos);
  hub_.PretendStreams(1);
  AwaitConnections(1);
  Client client;
  ASSERT_TRUE(client.Connect(port_));
  client.Send(kStream);
  EXPECT_EQ(client.ReadUntil("hello\n"), FakeHub::kGreeting);
}

TEST_F(ListenerTest, SendsAwayWhoOpensStreamsTooOften) {
  limits_.attempts_per_minute = 2;
  TrustLoopback();
  Start();
  const auto streams = OpenStreams("192.0.2.7", 2);
  const std::string native = Ask(From("192.0.2.7", kStream));
  EXPECT_EQ(native.find("HTTP/1.1 200 OK\r\n"), 0U) << "a browser gives up after any other status";
  EXPECT_NE(native.find("data: {\"reason\":\"too-many-attempts\"}\n"), std::string::npos);
  const std::string fetch = Ask(From("192.0.2.7", kFetch));
  EXPECT_EQ(fetch.find("HTTP/1.1 429 Too Many Requests\r\n"), 0U);
  EXPECT_NE(fetch.find("Retry-After: "), std::string::npos);
  EXPECT_EQ(LimitedBy("attempts_per_minute"), 2);
  EXPECT_NE(Ask(kMissingClose).find("404 Not Found"), std::string::npos);
  Client poll;
  ASSERT_TRUE(poll.Connect(port_));
  poll.Send(From("192.0.2.7", kPoll));
  EXPECT_TRUE(hub_.AwaitPolls(1)) << "polls are not counted";
  OpenStreams("192.0.2.8", 1);
  OpenStreams("", 3);  // the proxy's own
}

TEST_F(ListenerTest, RefusesWhoPollsTooOften) {
  limits_.polls_per_minute = 1;
  TrustLoopback();
  Start();
  Client poll;
  ASSERT_TRUE(poll.Connect(port_));
  poll.Send(From("192.0.2.7", kPoll));
  ASSERT_TRUE(hub_.AwaitPolls(1));
  hub_.AnswerPoll(std::string("{\"events\":[]}"));
  poll.ReadUntil("{\"events\":[]}");
  poll.Send(From("192.0.2.7", kPoll));
  EXPECT_NE(poll.ReadAll().find("HTTP/1.1 429 "), std::string::npos);
  EXPECT_EQ(poll.Count("too-many-polls"), 1U);
  EXPECT_EQ(LimitedBy("polls_per_minute"), 1);
}

TEST_F(ListenerTest, RefusesNewConnectionsOfAnAddressThatHasManyAndKeepsTheOthers) {
  limits_.connections_per_address = 2;
  TrustLoopback();
  Start();
  auto streams = OpenStreams("192.0.2.7", 2);
  EXPECT_NE(Ask(From("192.0.2.7", kStream)).find("too-many-connections"), std::string::npos);
  EXPECT_EQ(Ask(From("192.0.2.7", kFetch)).find("HTTP/1.1 429 "), 0U);
  EXPECT_EQ(LimitedBy("connections_per_address"), 2);
  OpenStreams("192.0.2.8", 2);
  OpenStreams("2001:db8::1", 2);
  EXPECT_NE(Ask(From("2001:db8::2", kStream)).find("too-many-connections"), std::string::npos) << "of one /64";
  EXPECT_EQ(census_.addresses.open(KeyOf("192.0.2.7")), 2);
}

TEST_F(ListenerTest, AConnectionOfAProxyCountsForItsClientWhileARequestIsUnderWay) {
  limits_.connections_per_address = 1;
  TrustLoopback();
  Start();
  Client proxy;
  ASSERT_TRUE(proxy.Connect(port_));
  for (size_t i = 1; i <= 3; ++i) {
    const std::string address = "192.0.2." + std::to_string(i);
    proxy.Send(From(address, kPoll));
    ASSERT_TRUE(hub_.AwaitPolls(i));
    EXPECT_EQ(census_.addresses.open(KeyOf(address)), 1);
    hub_.AnswerPoll(std::string("{\"events\":[]}"));
    proxy.ReadUntil("{\"events\":[]}", i);
    EXPECT_EQ(proxy.Count("{\"events\":[]}"), i);
  }
  proxy.Send(kMissing);
  proxy.ReadUntil("404 Not Found");
  for (const char* const address : {"192.0.2.1", "192.0.2.2", "192.0.2.3"}) {
    EXPECT_EQ(census_.addresses.open(KeyOf(address)), 0);
  }
}

TEST_F(ListenerTest, BelievesOnlyTrustedProxies) {
  limits_.connections_per_address = 1;
  limits_.attempts_per_minute = 1;
  options_.connection.trusted_proxies = {*Network::Parse("10.0.0.0/8")};
  Start();
  OpenStreams("192.0.2.7", 3);  // from loopback, whatever it says
  EXPECT_EQ(census_.addresses.open(KeyOf("192.0.2.7")), 0);
}

TEST_F(ListenerTest, RefusesAProxysHeaderThatNamesNobody) {
  TrustLoopback();
  Start();
  EXPECT_EQ(Ask(From("unknown", kStream)).find("HTTP/1.1 400 "), 0U);
  EXPECT_EQ(Ask(From("192.0.2.7,", kStream)).find("HTTP/1.1 400 "), 0U);
  OpenStreams("<script>, 192.0.2.7", 1);
}

// What a proxy sends before its client's bytes.
std::string ProxyHeaderOf(std::string_view address) {
  const auto ip = IpAddress::Parse(address);
  std::string bytes("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0C", 16);
  bytes.append(ip->bytes().begin() + 12, ip->bytes().end());
  return bytes + std::string("\x7F\0\0\x01\x12\x34\0\x50", 8);
}

TEST_F(ListenerTest, TakesTheClientFromTheProxyProtocol) {
  limits_.connections_per_address = 1;
  TrustLoopback();
  options_.connection.proxy_protocol = true;
  Start();
  Client client;
  ASSERT_TRUE(client.Connect(port_));
  for (const char c : ProxyHeaderOf("192.0.2.7") + std::string(kStream)) {
    client.Send({&c, 1});
  }
  EXPECT_EQ(client.ReadUntil("hello\n"), FakeHub::kGreeting);
  EXPECT_EQ(census_.addresses.open(KeyOf("192.0.2.7")), 1);
  EXPECT_EQ(Ask(ProxyHeaderOf("192.0.2.7")), "") << "closed unread";
  EXPECT_NE(Ask(ProxyHeaderOf("192.0.2.8") + std::string(kMissingClose)).find("404 Not Found"), std::string::npos);
  EXPECT_EQ(Ask(ProxyHeaderOf("127.0.0.1") + From("192.0.2.7", kFetch)).find("HTTP/1.1 429 "), 0U)
      << "a chain of proxies";
}

TEST_F(ListenerTest, AnAddressThatAProxyNamesIsNeverExempt) {
  limits_.connections_per_address = 1;
  options_.connection.trusted_proxies = {*Network::Parse("127.0.0.1")};
  options_.connection.proxy_protocol = true;
  Start();
  Client client;
  ASSERT_TRUE(client.Connect(port_));
  client.Send(ProxyHeaderOf("127.0.0.9") + std::string(kStream));
  client.ReadUntil("hello\n");
  EXPECT_EQ(Ask(ProxyHeaderOf("127.0.0.9")), "");
}

TEST_F(ListenerTest, WithTheProxyProtocolRefusesATrustedProxyThatDoesNotSpeakIt) {
  TrustLoopback();
  options_.connection.proxy_protocol = true;
  Start();
  for (const std::string_view text : {kMissing, std::string_view("PROXY TCP4 192.0.2.7 127.0.0.1 1 2\r\n")}) {
    Client client;
    ASSERT_TRUE(client.Connect(port_));
    client.Send(text);
    EXPECT_EQ(client.ReadAll(), "");
    AwaitConnections(0);
  }
  EXPECT_EQ(Value("weir_edge_http_proxy_headers_refused_total"), 2);
}

TEST_F(ListenerTest, EndsAConnectionWhoseProxyHeaderDoesNotCome) {
  TrustLoopback();
  options_.connection.proxy_protocol = true;
  options_.connection.head_timeout = milliseconds(20);
  Start();
  EXPECT_EQ(Ask(""), "");
  EXPECT_EQ(Ask("\r\n\r\n"), "");
  AwaitConnections(0);
}

TEST_F(ListenerTest, ClosesConnectionsThatAnAddressOpensTooOften) {
  limits_.connects_per_minute = 2;
  TrustLoopback();
  options_.connection.proxy_protocol = true;
  Start();
  for (int i = 0; i < 2; ++i) {
    EXPECT_NE(Ask(ProxyHeaderOf("192.0.2.7") + std::string(kMissingClose)).find("404 Not Found"), std::string::npos);
  }
  EXPECT_EQ(Ask(ProxyHeaderOf("192.0.2.7")), "");
  EXPECT_EQ(LimitedBy("connects_per_minute"), 1);
  EXPECT_NE(Ask(ProxyHeaderOf("192.0.2.8") + std::string(kMissingClose)).find("404 Not Found"), std::string::npos);
}

TEST_F(ListenerTest, LoopbackHasNoLimitOfAnAddress) {
  limits_.connections_per_address = limits_.connects_per_minute = limits_.attempts_per_minute = 1;
  Start();
  OpenStreams("", 5);
}

TEST_F(ListenerTest, FarAboveItsLimitClosesWithoutReading) {
  Start(2);
  hub_.PretendStreams(18);
  EXPECT_EQ(Ask(""), "");
  hub_.PretendStreams(0);
  EXPECT_NE(Ask(kMissingClose).find("404 Not Found"), std::string::npos);
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
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
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
  AwaitConnections(hub_.open_streams());
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
