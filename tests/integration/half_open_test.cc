// A connection whose other end is gone without a word: nothing is refused, nothing is reset, packets just do not
// arrive. Each hop has to notice by itself, and must not take a reader that merely does not read for one that is gone.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "tests/support/partition.h"
#include "tests/support/sandbox.h"
#include "tests/support/system.h"
#include "weir/client.h"

namespace weir::testing {
namespace {

constexpr char kTopic[] = "dispatch.broadcast";
constexpr char kType[] = "apps.dispatch.v1.FlashMessage";
constexpr absl::Duration kHeartbeat = absl::Seconds(3);
// Of both ends of gRPC: a ping after ten seconds of silence, and ten seconds for the answer.
constexpr absl::Duration kKeepalive = absl::Seconds(20);
// What a loaded machine may take besides.
constexpr absl::Duration kMargin = absl::Seconds(30);

class HalfOpenTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!SandboxStatus().ok()) {
      GTEST_SKIP() << SandboxStatus();
    }
    WriteFile(system_.edge_config_path(),
              "routes: [{path: /flash, filters: [dispatch.>], heartbeat: {interval: 3s}}]\nlimits: "
              "{slow_reader_timeout: 10m}\n");
    system_.StartServer();
    system_.StartEdge();
    ASSERT_TRUE(system_.WaitReady());
  }

  SseStream Open() {
    absl::StatusOr<SseStream> stream = SseStream::Open(system_.http_port(), "/flash");
    EXPECT_TRUE(stream.ok()) << stream.status();
    EXPECT_TRUE(stream->NextNamed("weir.connected").ok());
    return *std::move(stream);
  }
  void Publish(int first, int last, size_t bytes = 10) {
    std::vector<nlohmann::json> lines;
    for (int i = first; i <= last; ++i) {
      const nlohmann::json data = {{"id", std::to_string(i)}, {"text", std::string(bytes, 'x')}};
      lines.push_back({{"topic", kTopic}, {"type", kType}, {"data", data}});
    }
    for (const nlohmann::json& result : system_.PublishLines(lines)) {
      ASSERT_TRUE(result.contains("cursor")) << result;
    }
  }
  static void ExpectNumbers(SseStream& stream, int first, int last) {
    for (int i = first; i <= last; ++i) {
      absl::StatusOr<SseEvent> event = stream.NextNamed("flash_message", kPatience);
      ASSERT_TRUE(event.ok()) << event.status() << " waiting for " << i;
      ASSERT_EQ(nlohmann::json::parse(event->data)["id"], std::to_string(i));
    }
  }
  static uint16_t LocalPort(const SseStream& stream) {
    sockaddr_in address = {};
    socklen_t size = sizeof(address);
    EXPECT_EQ(::getsockname(stream.connection().fd(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    return ntohs(address.sin_port);
  }
  double Closed(const std::string& reason) const {
    return System::Metric(system_.edge_admin_port(), "weir_edge_streams_closed_total{reason=\"" + reason + "\"}");
  }
  // Of each reason: for what failed.
  std::string AllClosed() const {
    std::string all;
    for (const char* reason : {"vanished", "slow", "client", "error", "history", "expired"}) {
      all += fmt::format("{} {}, ", reason, Closed(reason));
    }
    return all + fmt::format("open {}", System::Metric(system_.edge_admin_port(), "sse_connections_total"));
  }
  // From now on nothing arrives that goes to that port or comes from it; with `client_port`, of that client's.
  static Partition Lose(uint16_t port, uint16_t client_port = 0) {
    absl::StatusOr<Partition> partition = Partition::Start({.port = port, .client_port = client_port});
    EXPECT_TRUE(partition.ok()) << partition.status();
    return *std::move(partition);
  }

  System system_;
};

TEST_F(HalfOpenTest, AReaderThatVanishesIsGoneAfterTwoHeartbeatsAndOneThatDoesNotReadIsNot) {
  SseStream vanishing = Open();
  SseStream stopped = Open();
  SseStream healthy = Open();
  // Much more than the buffers between: the one that stops has a closed window.
  Publish(1, 2000, 8000);
  ExpectNumbers(vanishing, 1, 2000);
  ExpectNumbers(healthy, 1, 2000);
  ASSERT_TRUE(WaitUntil([this] { return System::Metric(system_.edge_admin_port(), "weir_edge_streams_lagging") == 1; },
                        kPatience));

  const absl::Time lost = absl::Now();  // the partition is in force before its start returns
  const Partition partition = Lose(system_.http_port(), LocalPort(vanishing));
  ASSERT_TRUE(WaitUntil([this] { return Closed("vanished") == 1; }, 2 * kHeartbeat + kMargin)) << AllClosed();
  EXPECT_GE(absl::Now() - lost, kHeartbeat) << "it had no time to answer";

  // Time enough for the same to happen to the others.
  const int comments = healthy.comments();
  ASSERT_TRUE(WaitUntil(
      [&] {
        healthy.NextNamed("none", absl::Milliseconds(100)).IgnoreError();
        return healthy.comments() >= comments + 4;
      },
      absl::Seconds(60)));
  EXPECT_EQ(Closed("vanished"), 1);
  EXPECT_EQ(System::Metric(system_.edge_admin_port(), "sse_connections_total"), 2);
  Publish(2001, 2001);
  ExpectNumbers(healthy, 2001, 2001);
  ExpectNumbers(stopped, 1, 2001);
}

// Traffic does not hide it: what is written to the vanished reader is never acknowledged.
TEST_F(HalfOpenTest, AReaderThatVanishesFromABusyStreamIsGoneAfterTwoHeartbeats) {
  SseStream vanishing = Open();
  Publish(1, 10);
  ExpectNumbers(vanishing, 1, 10);
  const Partition partition = Lose(system_.http_port(), LocalPort(vanishing));
  int next = 11;
  EXPECT_TRUE(WaitUntil(
      [&] {
        Publish(next, next + 9);
        next += 10;
        return Closed("vanished") == 1;
      },
      2 * kHeartbeat + kMargin));
}

TEST_F(HalfOpenTest, BothEndsOfGrpcNoticeSilenceAndGoOnAfterIt) {
  Client client({.server = system_.grpc_address()});
  std::atomic<int> started{0};
  std::atomic<int> disconnected{0};
  std::mutex mutex;
  std::vector<uint64_t> sequences;
  SubscriberCallbacks callbacks;
  callbacks.on_started = [&](const v1::SubscriptionStarted&) { ++started; };
  callbacks.on_disconnected = [&](const absl::Status&, absl::Duration) { ++disconnected; };
  callbacks.on_events = [&](const v1::EventBatch& batch) {
    const std::lock_guard<std::mutex> lock(mutex);
    for (const v1::Event& event : batch.events()) {
      sequences.push_back(event.sequence());
    }
  };
  SubscriberOptions options;
  options.filters = {">"};
  const Subscriber subscriber(client, options, callbacks);
  ASSERT_TRUE(WaitUntil([&] { return started == 1; }));
  SseStream browser = Open();
  Publish(1, 1);
  ExpectNumbers(browser, 1, 1);
  const auto subscriptions = [this] { return System::Metric(system_.server_admin_port(), "weir_subscriptions"); };
  const auto connected = [this] { return System::Metric(system_.edge_admin_port(), "weir_edge_upstream_connected"); };
  ASSERT_EQ(subscriptions(), 2);
  ASSERT_EQ(connected(), 1);

  Partition partition = Lose(system_.grpc_port());
  EXPECT_TRUE(
      WaitUntil([&] { return disconnected > 0 && connected() == 0 && subscriptions() == 0; }, kKeepalive + kMargin))
      << "client " << disconnected << ", edge " << connected() << ", server " << subscriptions();

  partition.Heal();
  EXPECT_TRUE(WaitUntil([&] { return started == 2 && connected() == 1; }, kPatience));
  Publish(2, 3);
  ExpectNumbers(browser, 2, 3);  // on the stream that it had
  EXPECT_TRUE(WaitUntil([&] {
    const std::lock_guard<std::mutex> lock(mutex);
    return sequences == std::vector<uint64_t>({1, 2, 3});
  }));
}

}  // namespace
}  // namespace weir::testing
