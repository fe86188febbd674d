// Whom a listener lets in, and whom it takes a client for.
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "edge/http/listener_harness.h"

namespace weir::edge {
namespace {

using std::chrono::milliseconds;
using test::Client;
using test::FakeHub;

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
  EXPECT_EQ(LimitedBy("connections_max"), 2);
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

TEST_F(ListenerTest, AByteNowAndThenDoesNotLengthenTheTimeOfAHead) {
  options_.connection.head_timeout = milliseconds(100);
  options_.connection.head_bytes_max = 64 * 1024;
  Start();
  Client client;
  ASSERT_TRUE(client.Connect(port_));
  EXPECT_TRUE(client.IsEndedWhileSending("GET /open HTTP/1.1\r\nHost: h\r\nX: " + std::string(3'000, 'x')));
  EXPECT_EQ(client.ReadAll().find("HTTP/1.1 408 "), 0U);
  EXPECT_EQ(LimitedBy("head_timeout"), 1);
}

TEST_F(ListenerTest, AByteNowAndThenDoesNotLengthenTheTimeOfAProxysHeader) {
  TrustLoopback();
  options_.connection.proxy_protocol = true;
  options_.connection.head_timeout = milliseconds(100);
  Start();
  Client client;
  ASSERT_TRUE(client.Connect(port_));
  std::string header = ProxyHeaderOf("192.0.2.7") + std::string("\x04\x0E\x10", 3) + std::string(0xE10, 'x');
  header[14] = '\x0E';
  header[15] = '\x1F';  // with what follows its addresses
  EXPECT_TRUE(client.IsEndedWhileSending(header));
  EXPECT_EQ(client.ReadAll(), "");
  EXPECT_EQ(LimitedBy("head_timeout"), 1);
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
  EXPECT_EQ(LimitedBy("head_timeout"), 2);
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

}  // namespace
}  // namespace weir::edge
