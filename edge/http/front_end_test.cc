#include "edge/http/front_end.h"

#include <gtest/gtest.h>

#include "edge/http/fake_hub.h"
#include "edge/http/test_client.h"

namespace weir::edge {
namespace {

using test::Client;
using test::FakeHub;

EdgeConfig Config(const Address& listen,
                  std::string_view yaml = "routes: [{path: /open, filters: [a.b]}]\ndrain: {window: 0s}") {
  config::v1::Edge edge;
  auto file = ConfigFile::Parse(yaml, "edge.yaml", &edge);
  EdgeConfig config = *CheckEdgeConfig(edge, *std::move(file), 1);
  config.listen = listen;
  return config;
}

TEST(FrontEndTest, ServesAllHubsOnOnePort) {
  const EdgeConfig config = Config({"127.0.0.1", 0});
  ConnectionCensus census;
  FakeHub hubs[2];
  auto front = FrontEnd::Start(config, {&hubs[0], &hubs[1]}, census, std::make_shared<HttpMetrics>());
  ASSERT_TRUE(front.ok()) << front.status();
  EXPECT_NE((*front)->address().port, 0);
  // The kernel spreads connections by their ports: both get one soon.
  for (int i = 0; i < 200 && (hubs[0].connections() == 0 || hubs[1].connections() == 0); ++i) {
    Client client;
    ASSERT_TRUE(client.Connect((*front)->address().port));
    client.Send("GET /open HTTP/1.1\r\nHost: h\r\n\r\n");
    ASSERT_TRUE(client.ReadUntil("hello\n").ends_with("hello\n"));
  }
  EXPECT_GT(hubs[0].connections(), 0U);
  EXPECT_GT(hubs[1].connections(), 0U);
}

TEST(FrontEndTest, DrainsAndEnds) {
  const EdgeConfig config = Config({"127.0.0.1", 0});
  ConnectionCensus census;
  FakeHub hub;
  auto front = FrontEnd::Start(config, {&hub}, census, std::make_shared<HttpMetrics>());
  ASSERT_TRUE(front.ok()) << front.status();
  Client idle;
  ASSERT_TRUE(idle.Connect((*front)->address().port));
  idle.Send("GET /missing HTTP/1.1\r\nHost: h\r\n\r\n");
  idle.ReadUntil("404}");
  (*front)->Drain();
  EXPECT_EQ(hub.drains(), 1);
  idle.ReadAll();
  EXPECT_TRUE(idle.ended());
  Client late;
  ASSERT_TRUE(late.Connect((*front)->address().port));
  late.Send("GET /open HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream; weir=1\r\n\r\n");
  EXPECT_EQ(late.ReadUntil("\r\n\r\n").find("HTTP/1.1 503 "), 0U);
}

TEST(FrontEndTest, ReloadsEveryHubAndEndsWhoseRouteIsGone) {
  const EdgeConfig config =
      Config({"127.0.0.1", 0}, "routes: [{path: /open, filters: [a.b]}, {path: /gone, filters: [a.b]}]");
  ConnectionCensus census;
  FakeHub hubs[2];
  auto front = FrontEnd::Start(config, {&hubs[0], &hubs[1]}, census, std::make_shared<HttpMetrics>());
  ASSERT_TRUE(front.ok()) << front.status();
  const auto get = [&](const std::string& path) {
    Client client;
    EXPECT_TRUE(client.Connect((*front)->address().port));
    client.Send("GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n");
    return client.ReadUntil("\r\n\r\n").substr(9, 3);
  };
  for (const char* path : {"/open", "/open", "/gone", "/gone", "/gone"}) {
    EXPECT_EQ(get(path), "200");
  }
  EdgeConfig next = Config({"127.0.0.1", 0}, "routes: [{path: /new, filters: [a.b]}, {path: /open, filters: [a.b]}]");
  ASSERT_TRUE(next.routes.Succeed(config.routes, [](const auto&, uint32_t) { return Coverage(); }).ok());
  ASSERT_TRUE((*front)->Reload(next).ok());
  EXPECT_EQ(hubs[0].ends() + hubs[1].ends(), 3);
  for (int i = 0; i < 20; ++i) {  // at whichever hub
    EXPECT_EQ(get("/gone"), "404");
    EXPECT_EQ(get("/new"), "200");
    EXPECT_EQ(get("/open"), "200");
  }
  EdgeConfig bad = next;
  bad.static_files = StaticOptions{.directory = "/no/such/directory"};
  EXPECT_FALSE((*front)->Reload(bad).ok());
  EXPECT_EQ(get("/new"), "200");
}

TEST(FrontEndTest, NamesAnAddressThatIsTaken) {
  const int taken = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  void* const raw = &address;
  socklen_t size = sizeof(address);
  ASSERT_EQ(::bind(taken, static_cast<sockaddr*>(raw), size), 0);
  ASSERT_EQ(::getsockname(taken, static_cast<sockaddr*>(raw), &size), 0);
  const EdgeConfig config = Config({"127.0.0.1", ntohs(address.sin_port)});
  ConnectionCensus census;
  FakeHub hub;
  const auto front = FrontEnd::Start(config, {&hub}, census, std::make_shared<HttpMetrics>());
  EXPECT_EQ(front.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(front.status().ToString().find(config.listen.ToString()), std::string::npos);
  ::close(taken);
}

}  // namespace
}  // namespace weir::edge
