// Readers that stop reading: they cost the processes nothing that grows, nobody beside them feels it, and when they
// read again nothing is missing that the log retains.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "tests/support/system.h"
#include "weir/client.h"

namespace weir::testing {
namespace {

constexpr char kTopic[] = "dispatch.broadcast";
constexpr char kType[] = "apps.dispatch.v1.FlashMessage";
constexpr int kReaders = 50;
constexpr size_t kEventBytes = 8000;

#if defined(__SANITIZE_ADDRESS__)
constexpr double kMemoryFactor = 2;  // the sanitizer's own
#else
constexpr double kMemoryFactor = 1;
#endif

double MemoryBytesOf(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/smaps_rollup");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("Pss:")) {
      return std::stod(line.substr(4)) * 1024;
    }
  }
  return 0;
}

class SlowReaderTest : public ::testing::Test {
 protected:
  // What the programs hold is measured: what AddressSanitizer keeps of freed memory, in its quarantine and for five
  // seconds after, is not theirs.
  SlowReaderTest() {
    const char* const options = ::getenv("ASAN_OPTIONS");
    const std::string before = options == nullptr ? "" : std::string(options) + ":";
    constexpr char kNothing[] =
        "quarantine_size_mb=0:thread_local_quarantine_size_kb=0:allocator_release_to_os_interval_ms=200";
    ::setenv("ASAN_OPTIONS", (before + kNothing).c_str(), 1);
  }

  void Start(const std::string& limits) {
    WriteFile(system_.edge_config_path(),
              "tail: {bytes_max: 4MiB}\nlimits: " + limits + "\nroutes: [{path: /flash, filters: [dispatch.>]}]\n");
    system_.StartServer({"--engine", "memory"});
    system_.StartEdge();
    ASSERT_TRUE(system_.WaitReady());
  }

  SseStream Open(const std::vector<std::string>& headers = {}) {
    absl::StatusOr<SseStream> stream = SseStream::Open(system_.http_port(), "/flash", headers);
    EXPECT_TRUE(stream.ok()) << stream.status();
    EXPECT_TRUE(stream->NextNamed("weir.connected").ok());
    return *std::move(stream);
  }
  // Publishes so many events more.
  void Publish(int count) {
    std::vector<nlohmann::json> lines;
    for (int i = 0; i < count; ++i) {
      const nlohmann::json data = {{"id", std::to_string(++published_)}, {"text", std::string(kEventBytes, 'x')}};
      lines.push_back({{"topic", kTopic}, {"type", kType}, {"data", data}});
    }
    for (const nlohmann::json& result : system_.PublishLines(lines)) {
      ASSERT_TRUE(result.contains("cursor")) << result;
    }
  }
  static void ExpectNumbers(SseStream& stream, int first, int last) {
    for (int i = first; i <= last; ++i) {
      absl::StatusOr<SseEvent> event = stream.NextNamed("flash_message", absl::Seconds(60));
      ASSERT_TRUE(event.ok()) << event.status() << " waiting for " << i;
      ASSERT_EQ(nlohmann::json::parse(event->data)["id"], std::to_string(i));
    }
  }
  double Edge(const std::string& metric) const { return System::Metric(system_.edge_admin_port(), metric); }
  double Server(const std::string& metric) const { return System::Metric(system_.server_admin_port(), metric); }
  double Closed(const std::string& reason) const {
    return Edge("weir_edge_streams_closed_total{reason=\"" + reason + "\"}");
  }
  bool AwaitLagging(int count) {
    return WaitUntil([&] { return Edge("weir_edge_streams_lagging") == count; }, absl::Seconds(60));
  }
  double EdgeBeyondTail() { return MemoryBytesOf(system_.edge().pid()) - Edge("weir_edge_tail_bytes"); }

  System system_;
  int published_ = 0;
};

TEST_F(SlowReaderTest, StoppedReadersCostNothingThatGrowsAndLoseNothing) {
  Start("{send_buffer_bytes: 128KiB, slow_reader_timeout: 10m}");
  SseStream healthy = Open();
  std::vector<SseStream> stopped;
  for (int i = 0; i < kReaders; ++i) {
    stopped.push_back(Open());
  }
  // Until their buffers are full, and the tail too.
  Publish(300);
  ExpectNumbers(healthy, 1, 300);
  ASSERT_TRUE(AwaitLagging(kReaders));
  const double before = EdgeBeyondTail();
  for (int round = 0; round < 4; ++round) {
    Publish(75);
    ExpectNumbers(healthy, published_ - 74, published_);
  }
  EXPECT_LT(EdgeBeyondTail() - before, 16e6 * kMemoryFactor) << "of 120 MB that they were not sent";
  EXPECT_EQ(Edge("weir_edge_streams_lagging"), kReaders);

  // The tail has passed them: what they missed comes from the server, and reading it costs the edge little.
  double peak = 0;
  for (SseStream& reader : stopped) {
    ExpectNumbers(reader, 1, published_);
    peak = std::max(peak, EdgeBeyondTail() - before);
  }
  EXPECT_LT(peak, 24e6 * kMemoryFactor);
  EXPECT_EQ(Closed("slow"), 0);
  Publish(1);
  for (SseStream& reader : stopped) {
    ExpectNumbers(reader, published_, published_);
  }
}

TEST_F(SlowReaderTest, WhoTakesNothingForTooLongIsClosedAndComesBackWithItsId) {
  // The healthy one must not seem slow, too, when the machine stands still for a moment.
  Start("{slow_reader_timeout: 6s}");
  SseStream healthy = Open();
  SseStream slow = Open();
  while (published_ < 1000) {
    Publish(100);
    ExpectNumbers(healthy, published_ - 99, published_);
  }
  ASSERT_TRUE(WaitUntil([&] { return Closed("slow") == 1; }, absl::Seconds(60)));
  EXPECT_EQ(Edge("sse_connections_total"), 1);
  // What its kernel had taken it still reads; then the connection turns out to be cut.
  int last = 0;
  absl::StatusOr<SseEvent> event = slow.Next();
  for (; event.ok(); event = slow.Next()) {
    ASSERT_EQ(nlohmann::json::parse(event->data)["id"], std::to_string(++last));
  }
  EXPECT_EQ(event.status().code(), absl::StatusCode::kUnavailable) << event.status();
  EXPECT_LT(last, 1000);
  SseStream again = Open({"Last-Event-ID: " + slow.last_event_id()});
  ExpectNumbers(again, last + 1, 1000);
  Publish(1);
  ExpectNumbers(again, 1001, 1001);
  ExpectNumbers(healthy, 1001, 1001);
}

// gRPC's flow control takes the place of the socket: the subscription goes back to being a cursor.
TEST_F(SlowReaderTest, ASubscriberThatStopsReadingLeavesTheServerNoQueue) {
  system_.StartServer();
  Client client({.server = system_.grpc_address()});
  std::mutex mutex;
  std::condition_variable changed;
  int64_t allowed = 0;  // batches
  const auto allow = [&](int64_t batches) {
    const std::lock_guard<std::mutex> lock(mutex);
    allowed += batches;
    changed.notify_all();
  };
  std::atomic<uint64_t> last{0};
  std::atomic<int> disorder{0};
  SubscriberCallbacks callbacks;
  callbacks.on_events = [&](const v1::EventBatch& batch) {
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [&] { return allowed > 0; });
    --allowed;
    for (const v1::Event& event : batch.events()) {
      disorder += event.sequence() == last + 1 ? 0 : 1;
      last = event.sequence();
    }
  };
  SubscriberOptions options;
  options.filters = {">"};
  options.start.mutable_earliest();
  const Subscriber subscriber(client, options, callbacks);
  const auto state = [this](const std::string& name) { return Server("weir_subscriptions{state=\"" + name + "\"}"); };
  ASSERT_TRUE(WaitUntil([&] { return state("live") == 1; }));

  // More than the server's tail holds, and more than the log's engine keeps in memory anyway.
  const auto fill = [&] {
    for (int round = 0; round < 5; ++round) {
      Publish(2000);
    }
  };
  fill();
  const double before = MemoryBytesOf(system_.server().pid());
  fill();
  fill();
  // RocksDB's write buffer of 64 MB may have been empty before, and be full now.
  EXPECT_LT(MemoryBytesOf(system_.server().pid()) - before, 100e6 * kMemoryFactor) << "of 160 MB that it was not sent";

  // Its place is behind the tail: it goes on from the log, and becomes live again.
  EXPECT_TRUE(WaitUntil(
      [&] {
        allow(1);
        return state("catching_up") == 1;
      },
      kPatience));
  allow(1'000'000);
  EXPECT_TRUE(WaitUntil([&] { return last == static_cast<uint64_t>(published_); }, absl::Minutes(1)));
  EXPECT_TRUE(WaitUntil([&] { return state("live") == 1; }));
  EXPECT_EQ(disorder, 0);
}

}  // namespace
}  // namespace weir::testing
