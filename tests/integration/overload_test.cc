// An edge under attack: its readers notice nothing, its admin listener answers, and afterwards nothing is left of it.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "apps/dispatch/v1/dispatch.pb.h"
#include "tests/integration/attack.h"
#include "tests/integration/reader_crowd.h"
#include "tests/support/system.h"
#include "weir/client.h"

namespace weir::testing {
namespace {

constexpr size_t kReaders = 100;
constexpr absl::Duration kWindow = absl::Seconds(2);
constexpr int kWindows = 5;       // of each kind, in turns
constexpr int kWindowsMost = 25;  // of each kind, on a machine that others disturb
constexpr absl::Duration kPublishInterval = absl::Milliseconds(10);
// What counts as the same on a machine that others use too: below this a ratio says nothing.
constexpr absl::Duration kNoise = absl::Milliseconds(5);
constexpr double kRatioMax = 2;

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kTimesCount = false;  // the sanitizer's, not the edge's
#else
constexpr bool kTimesCount = true;
#endif

absl::Duration Quantile(std::vector<absl::Duration> values, double q) {
  if (values.empty()) {
    return absl::InfiniteDuration();
  }
  const auto at = values.begin() + static_cast<ptrdiff_t>(q * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

// Asks for the health all the time, and remembers the longest answer.
class HealthWatch {
 public:
  explicit HealthWatch(uint16_t port)
      : thread_([this, port] {
          while (!stop_) {
            const absl::Time begin = absl::Now();
            const absl::StatusOr<Response> answer = Fetch(port, "/healthz");
            if (!answer.ok() || answer->status != 200) {
              ++failures_;
            }
            longest_ms_ = std::max(longest_ms_.load(), absl::ToInt64Milliseconds(absl::Now() - begin));
            ++asked_;
            absl::SleepFor(absl::Milliseconds(50));
          }
        }) {}
  ~HealthWatch() {
    stop_ = true;
    thread_.join();
  }
  int failures() const { return failures_; }
  int asked() const { return asked_; }
  int64_t longest_ms() const { return longest_ms_; }

 private:
  std::atomic<bool> stop_ = false;
  std::atomic<int> failures_ = 0;
  std::atomic<int> asked_ = 0;
  std::atomic<int64_t> longest_ms_ = 0;
  std::thread thread_;
};

class OverloadTest : public ::testing::Test {
 protected:
  void Start() {
    WriteFile(system_.edge_config_path(), "routes: [{path: /flash, filters: [dispatch.broadcast]}]\n");
    system_.StartServer({"--engine", "memory"});
    system_.StartEdge({"--threads", "2"});
    ASSERT_TRUE(system_.WaitReady());
    client_ = std::make_unique<Client>(ClientOptions{.server = system_.grpc_address(), .name = "overload"});
    publisher_ = std::make_unique<Publisher>(*client_);
  }

  void Publish() {
    apps::dispatch::v1::FlashMessage message;
    message.set_text(fmt::format("#{}#", sent_.size()));
    sent_.push_back(absl::Now());
    publisher_->Publish({.topic = "dispatch.broadcast", .payload = message});
  }
  // Publishes through one window, and waits until everybody was given everything of it. Returns the 99th percentile.
  absl::Duration RunWindow(ReaderCrowd& crowd) {
    const size_t first = sent_.size();
    const absl::Time end = absl::Now() + kWindow;
    for (absl::Time next = absl::Now(); next < end; next += kPublishInterval) {
      absl::SleepFor(next - absl::Now());
      Publish();
    }
    EXPECT_TRUE(WaitUntil([&] { return crowd.arrivals() >= (sent_.size() - first) * kReaders; }));
    std::vector<absl::Duration> latencies;
    for (const ReaderCrowd::Arrival& arrival : crowd.Take()) {
      EXPECT_EQ(arrival.event, seen_[arrival.reader]++) << "reader " << arrival.reader;
      latencies.push_back(arrival.at - sent_.at(static_cast<size_t>(arrival.event)));
    }
    EXPECT_EQ(latencies.size(), (sent_.size() - first) * kReaders);
    return Quantile(std::move(latencies), 0.99);
  }
  double Metric(const std::string& name) const { return System::Metric(system_.edge_admin_port(), name); }

  System system_;
  std::unique_ptr<Client> client_;
  std::unique_ptr<Publisher> publisher_;
  std::vector<absl::Time> sent_;
  std::map<size_t, int> seen_;
};

TEST_F(OverloadTest, GoodReadersDoNotNoticeAnAttack) {
  Start();
  ReaderCrowd crowd(system_.http_port(), "/flash", kReaders);
  ASSERT_EQ(crowd.failure(), "");
  ASSERT_TRUE(WaitUntil([&] { return Metric("sse_connections_total") == kReaders; }));
  const HealthWatch health(system_.edge_admin_port());
  RunWindow(crowd);  // warms up
  std::vector<absl::Duration> quiet;
  std::vector<absl::Duration> attacked;
  size_t attempts = 0;
  size_t slow = SIZE_MAX;
  absl::Duration before;
  absl::Duration during;
  // What else the machine does disturbs some windows, and an attack that is felt nearly all: so the best quiet one and
  // the second best of the others count, and a machine that is never quiet is given more of them.
  const auto is_felt = [&] { return during >= kRatioMax * std::max(before, kNoise); };
  for (int i = 0; i < kWindows || (i < kWindowsMost && kTimesCount && is_felt()); ++i) {
    quiet.push_back(RunWindow(crowd));
    {
      const Attack attack(system_.http_port(), {});
      ASSERT_TRUE(WaitUntil([&] { return attack.in_full_swing(); }));
      attacked.push_back(RunWindow(crowd));
      ASSERT_TRUE(WaitUntil([&] { return attack.attempts() >= 20'000 / kWindows; }));
      attempts += attack.attempts();
      slow = std::min(slow, attack.slow_most());
      EXPECT_EQ(attack.failed(), 0U) << "the attack is not what it should be";
    }
    EXPECT_TRUE(WaitUntil([&] { return Metric("weir_edge_http_connections") <= 1; })) << "something is left";
    crowd.Take();
    before = *std::ranges::min_element(quiet);
    std::ranges::sort(attacked);
    during = attacked.size() > 1 ? attacked[1] : absl::InfiniteDuration();
  }
  const double ratio = absl::FDivDuration(during, before);
  std::ranges::sort(quiet);
  fmt::print(
      "p99 quiet {}, attacked {}: ratio {:.2f}, of the medians {:.2f}; {} attempts, {} slow sockets; health at most {} "
      "ms\n",
      absl::FormatDuration(before), absl::FormatDuration(during), ratio,
      absl::FDivDuration(attacked[attacked.size() / 2], quiet[quiet.size() / 2]), attempts, slow, health.longest_ms());
  EXPECT_GE(attempts, 20'000U);
  EXPECT_GE(slow, 5000U);
  if (kTimesCount) {
    EXPECT_FALSE(is_felt()) << "ratio " << ratio << " after " << attacked.size() << " windows";
  }
  EXPECT_EQ(crowd.lost(), 0);
  EXPECT_EQ(health.failures(), 0);
  EXPECT_GT(health.asked(), 20);
  EXPECT_TRUE(WaitUntil([&] { return Metric("sse_connections_total") == kReaders; }));
}

// The system lets the edge have few open files, and somebody takes them all.
TEST_F(OverloadTest, AFloodOfConnectionsNeverTakesTheLastDescriptors) {
  Start();
  const std::string log = system_.dir().File("small.log");
  absl::StatusOr<Process> edge =
      Process::Start({"/bin/sh", "-c", "ulimit -n 700; exec \"$@\"", "sh", BinaryPath("weir-edge"), "--config",
                      system_.edge_config_path(), "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
                      "--server", system_.grpc_address(), "--threads", "2"},
                     log);
  ASSERT_TRUE(edge.ok()) << edge.status();
  const absl::StatusOr<std::string> ready = edge->ReadLine(kPatience);
  ASSERT_TRUE(ready.ok()) << ReadFile(log);
  const auto port_of = [&](const std::string& name) {
    return static_cast<uint16_t>(std::atoi(ready->c_str() + ready->find(name + "=127.0.0.1:") + name.size() + 11));
  };
  const uint16_t http = port_of("http");
  const uint16_t admin = port_of("admin");
  EXPECT_THAT(ReadFile(log), ::testing::HasSubstr("allows 700 open files"));
  const double most = System::Metric(admin, "weir_edge_http_connections_max");
  EXPECT_GT(most, 100);
  EXPECT_LT(most, 700 - 512);

  ReaderCrowd crowd(http, "/flash", kReaders);
  ASSERT_EQ(crowd.failure(), "");
  ASSERT_TRUE(WaitUntil([&] { return System::Metric(admin, "sse_connections_total") == kReaders; }));
  {
    const HealthWatch health(admin);
    const Attack attack(http, {.slow_sockets = 2000, .attempts_per_second = 500});
    ASSERT_TRUE(WaitUntil([&] { return attack.in_full_swing() && attack.attempts() > 500 && health.asked() > 20; }));
    EXPECT_EQ(health.failures(), 0);
    EXPECT_TRUE(WaitUntil([&] { return System::Metric(admin, "weir_edge_http_connections_refused_total") > 0; }));
    RunWindow(crowd);
    EXPECT_EQ(crowd.lost(), 0) << "the established stays";
  }
  EXPECT_TRUE(WaitUntil([&] { return System::Metric(admin, "weir_edge_http_connections") == 0; }));
  const absl::StatusOr<Response> poll = Fetch(http, "/flash", {"Accept: application/json"});
  EXPECT_TRUE(poll.ok() && poll->status == 200) << "the new is let in again";
}

TEST_F(OverloadTest, RefusesToStartWhereNothingCouldConnect) {
  WriteFile(system_.edge_config_path(), "routes: [{path: /flash, filters: [dispatch.broadcast]}]\n");
  const CommandResult result =
      RunCommand({"/bin/sh", "-c", "ulimit -n 256; exec \"$@\"", "sh", BinaryPath("weir-edge"), "--config",
                  system_.edge_config_path(), "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, ::testing::HasSubstr("256 open files"));
}

}  // namespace
}  // namespace weir::testing
