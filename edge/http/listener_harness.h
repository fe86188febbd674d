// A listener with a hub that only says hello, on a free port of the loopback address.
#ifndef WEIR_EDGE_HTTP_LISTENER_HARNESS_H_
#define WEIR_EDGE_HTTP_LISTENER_HARNESS_H_

#include <gtest/gtest.h>
#include <prometheus/metric_family.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "edge/http/fake_hub.h"
#include "edge/http/listener.h"
#include "edge/http/test_client.h"

namespace weir::edge {

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
    options_.sweep_interval = std::chrono::milliseconds(5);
    options_.accept_pause = std::chrono::milliseconds(5);
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
    test::Client client;
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
  std::vector<std::unique_ptr<test::Client>> OpenStreams(std::string_view address, int count) {
    std::vector<std::unique_ptr<test::Client>> streams;
    for (int i = 0; i < count; ++i) {
      streams.push_back(std::make_unique<test::Client>());
      EXPECT_TRUE(streams.back()->Connect(port_));
      streams.back()->Send(From(address, "GET /open HTTP/1.1\r\nHost: h\r\n\r\n"));
      EXPECT_EQ(streams.back()->ReadUntil("hello\n"), test::FakeHub::kGreeting) << address;
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
  static void Await(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!condition() && std::chrono::steady_clock::now() < end) {
      std::this_thread::yield();
    }
  }
  void AwaitConnections(size_t count) {
    Await([&] { return admission_->total() == count; });
    EXPECT_EQ(admission_->total(), count);
  }
  // However many of them there are.
  void AwaitOnlyStreams() {
    Await([&] { return metrics_.connections() == 0; });
    EXPECT_EQ(metrics_.connections(), 0U);
    EXPECT_EQ(admission_->total(), hub_.connections());
  }

  std::string directory_;
  Routes routes_;
  FrontDeskOptions desk_;
  ListenerOptions options_;
  ConnectionCensus census_;
  test::FakeHub hub_;
  HttpMetrics metrics_;
  AdmissionLimits limits_;
  std::optional<Admission> admission_;
  std::unique_ptr<Listener> listener_;
  uint16_t port_ = 0;
};

inline constexpr std::string_view kMissing = "GET /missing HTTP/1.1\r\nHost: h\r\n\r\n";
inline constexpr std::string_view kMissingClose = "GET /missing HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
inline constexpr std::string_view kStream = "GET /open HTTP/1.1\r\nHost: h\r\n\r\n";
inline constexpr std::string_view kFetch = "GET /open HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream; weir=1\r\n\r\n";
inline constexpr std::string_view kPoll = "GET /open HTTP/1.1\r\nHost: h\r\nAccept: application/json\r\n\r\n";

}  // namespace weir::edge

#endif  // WEIR_EDGE_HTTP_LISTENER_HARNESS_H_
