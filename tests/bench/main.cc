// weir-bench: measures the real binaries on this machine and prints a table. See docs/benchmarks.md.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "base/event_view.h"
#include "tests/bench/proc_stats.h"
#include "tests/bench/publishing.h"
#include "tests/bench/report.h"
#include "tests/bench/sse_load.h"
#include "tests/bench/stopped.h"
#include "tests/bench/storm.h"
#include "tests/support/system.h"
#include "weir/client.h"

namespace weir::bench {
namespace {

struct Sizes {
  size_t publish_events = 500'000;
  size_t batch_events = 64;
  size_t fanout_events = 10'000;
  size_t readers = 1'000;
  size_t idle_connections = 5'000;
  double latency_seconds = 10;
  size_t latency_readers = 100;
};

class Bench {
 public:
  Bench(const Sizes& sizes, Report& report) : sizes_(sizes), report_(report) {}

  // Acks a second on one stream against RocksDB with sync.
  void Publish() {
    testing::System system;
    system.StartServer({"--engine", "rocksdb", "--sync", "always"});
    Client client({.server = system.grpc_address()});
    PublishAll(client, sizes_.publish_events / 10, sizes_.batch_events);  // warm-up
    const CpuTime before = CpuTimeOf(system.server().pid());
    const double rate = PublishAll(client, sizes_.publish_events, sizes_.batch_events);
    const CpuTime after = CpuTimeOf(system.server().pid());
    const double cpu = after.user_seconds + after.system_seconds - before.user_seconds - before.system_seconds;
    report_.Add(
        fmt::format("publish, RocksDB with sync, one stream, ≤ {} events a message: acks/s", sizes_.batch_events),
        fmt::format("{:.0f}", rate));
    report_.Add("… server CPU per event",
                fmt::format("{:.2f} µs", cpu * 1e6 / static_cast<double>(sizes_.publish_events)));
    Subscribe(client);
  }

  // Deliveries a second to many SSE readers of one topic, saturated.
  void Fanout() {
    testing::System system;
    system.StartServer({"--engine", "memory"});
    system.StartEdge();
    if (!system.WaitReady()) {
      return report_.Fail("the edge did not become ready");
    }
    auto load = SseLoad::Open({.port = system.http_port(), .target = kTarget, .count = sizes_.readers, .on_event = {}});
    if (!load.ok()) {
      return report_.Fail(load.status().ToString());
    }
    Client client({.server = system.grpc_address()});
    const CpuTime before = CpuTimeOf(system.edge().pid());
    const absl::Time start = absl::Now();
    PublishAll(client, sizes_.fanout_events, sizes_.batch_events);
    const uint64_t expected = sizes_.fanout_events * sizes_.readers;
    if (!(*load)->WaitDelivered(expected) || (*load)->disordered() > 0) {
      return report_.Fail(fmt::format("{} of {} deliveries, {} out of order, {} streams ended", (*load)->delivered(),
                                      expected, (*load)->disordered(), (*load)->ended()));
    }
    const double seconds = absl::ToDoubleSeconds(absl::Now() - start);
    const CpuTime after = CpuTimeOf(system.edge().pid());
    const double user = (after.user_seconds - before.user_seconds) * 1e6 / static_cast<double>(expected);
    const double kernel = (after.system_seconds - before.system_seconds) * 1e6 / static_cast<double>(expected);
    report_.Add(fmt::format("1 topic × {} SSE readers, saturated: deliveries/s", sizes_.readers),
                fmt::format("{:.0f}", static_cast<double>(expected) / seconds));
    report_.Add("… edge CPU per delivery (user + system)", fmt::format("{:.2f} + {:.2f} µs", user, kernel));
  }

  // User memory of idle connections.
  void Idle() {
    testing::System system;
    system.StartServer({"--engine", "memory"});
    system.StartEdge();
    if (!system.WaitReady()) {
      return report_.Fail("the edge did not become ready");
    }
    const testing::System& constant = system;
    const uint64_t before = PssBytesOf(system.edge().pid());
    auto load = SseLoad::Open(
        {.port = constant.http_port(), .target = kTarget, .count = sizes_.idle_connections, .on_event = {}});
    if (!load.ok()) {
      return report_.Fail(load.status().ToString());
    }
    const uint64_t after = PssBytesOf(system.edge().pid());
    report_.Add(fmt::format("user memory per idle SSE connection ({} connections)", sizes_.idle_connections),
                fmt::format("{} B", (after - before) / sizes_.idle_connections));
    report_.Add("… connects/s, one client thread",
                fmt::format("{:.0f}", static_cast<double>(sizes_.idle_connections) / (*load)->connect_seconds()));
  }

  // From publish to the last byte read, at a steady rate.
  void Latency() {
    testing::System system;
    system.StartServer({"--engine", "rocksdb", "--sync", "always"});
    system.StartEdge();
    if (!system.WaitReady()) {
      return report_.Fail("the edge did not become ready");
    }
    constexpr double kEventsPerSecond = 100;
    const auto events = static_cast<size_t>(kEventsPerSecond * sizes_.latency_seconds);
    std::vector<std::atomic<int64_t>> sent(events + 1);  // by sequence: the log is new
    std::vector<double> millis;
    millis.reserve(events * sizes_.latency_readers);
    auto load = SseLoad::Open({.port = system.http_port(),
                               .target = kTarget,
                               .count = sizes_.latency_readers,
                               .on_event = [&](uint64_t sequence) {
                                 if (sequence <= events) {
                                   millis.push_back(
                                       static_cast<double>(absl::GetCurrentTimeNanos() - sent[sequence].load()) / 1e6);
                                 }
                               }});
    if (!load.ok()) {
      return report_.Fail(load.status().ToString());
    }
    Client client({.server = system.grpc_address()});
    Publisher publisher(client);
    const v1::Event event = MakeEvent();
    absl::Time due = absl::Now();
    for (size_t i = 1; i <= events; ++i) {
      absl::SleepFor(due - absl::Now());
      sent[i].store(absl::GetCurrentTimeNanos());
      publisher.Publish(event, [](const PublishOutcome&) {});
      due += absl::Seconds(1 / kEventsPerSecond);
    }
    const uint64_t expected = events * sizes_.latency_readers;
    if (!(*load)->WaitDelivered(expected)) {
      return report_.Fail(fmt::format("{} of {} deliveries", (*load)->delivered(), expected));
    }
    load->reset();
    report_.Add(fmt::format("publish → SSE bytes read, 100 events/s × {} readers, p50 / p99", sizes_.latency_readers),
                fmt::format("{:.2f} / {:.2f} ms", Percentile(millis, 0.5), Percentile(millis, 0.99)));
  }

 private:
  // Events a second of one gRPC reader that replays what was just published.
  void Subscribe(Client& client) {
    v1::Start earliest;
    earliest.mutable_earliest();
    std::atomic<uint64_t> events{0};
    std::atomic<uint64_t> bytes{0};
    const absl::Time start = absl::Now();
    SubscriberCallbacks callbacks;
    callbacks.on_batch_bytes = [&](const std::shared_ptr<const std::string>& batch) {
      ForEachEvent(*batch, [&](std::string_view, std::string_view event) {
        bytes.fetch_add(event.size(), std::memory_order_relaxed);
        events.fetch_add(1, std::memory_order_relaxed);
        return true;
      });
      return absl::OkStatus();
    };
    SubscriberOptions options;
    options.filters = {">"};
    options.start = earliest;
    const uint64_t expected = sizes_.publish_events + sizes_.publish_events / 10;
    {
      const Subscriber subscriber(client, options, callbacks);
      if (!testing::WaitUntil([&] { return events.load() >= expected; }, absl::Minutes(2))) {
        return report_.Fail(fmt::format("subscribe: {} of {} events", events.load(), expected));
      }
    }
    const double seconds = absl::ToDoubleSeconds(absl::Now() - start);
    report_.Add("subscribe from earliest, RocksDB, one gRPC reader: events/s",
                fmt::format("{:.0f}", static_cast<double>(expected) / seconds));
    report_.Add("… bytes of an event as stored", fmt::format("{} B", bytes.load() / events.load()));
  }

  Sizes sizes_;
  Report& report_;
};

int Main(int argc, char** argv) {
  CLI::App app(
      "Examples:\n  weir-bench                     every mode\n  weir-bench --mode fanout --readers 5000\n\n"
      "Measures weir-server and weir-edge of the same build on this machine, checks every delivery, and prints a\n"
      "Markdown table. Load, server and edge share the machine: compare ratios of one run.");
  Sizes sizes;
  StoppedSizes stopped;
  StormSizes storm;
  std::vector<std::string> modes = {"publish", "fanout", "idle", "latency", "stopped", "storm"};
  app.add_option("--mode", modes, "What to measure")->check(CLI::IsMember(modes))->capture_default_str();
  app.add_option("--events", sizes.publish_events, "Events to publish")
      ->check(CLI::Range(1'000, 100'000'000))
      ->capture_default_str();
  app.add_option("--batch", sizes.batch_events, "Events in a message at most")
      ->check(CLI::Range(1, 1'000))
      ->capture_default_str();
  app.add_option("--fanout-events", sizes.fanout_events, "Events for every reader")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  app.add_option("--readers", sizes.readers, "SSE readers")->check(CLI::Range(1, 20'000))->capture_default_str();
  app.add_option("--idle", sizes.idle_connections, "Idle connections")
      ->check(CLI::Range(1, 20'000))
      ->capture_default_str();
  app.add_option("--seconds", sizes.latency_seconds, "How long latency is measured")
      ->check(CLI::Range(1.0, 3600.0))
      ->capture_default_str();
  app.add_option("--stopped", stopped.readers, "Readers that stop reading")
      ->check(CLI::Range(1, 5'000))
      ->capture_default_str();
  app.add_option("--stopped-seconds", stopped.seconds, "For how long they do")
      ->check(CLI::Range(1.0, 50.0))
      ->capture_default_str();
  app.add_option("--send-buffer", stopped.send_buffer_kib, "limits.send_buffer_bytes of the edge then, in KiB")
      ->check(CLI::Range(4, 16'384))
      ->capture_default_str();
  app.add_option("--rounds", stopped.rounds, "How often they do")->check(CLI::Range(1, 20))->capture_default_str();
  app.add_option("--storm", storm.readers, "Readers that come back at once")
      ->check(CLI::Range(1, 9'000))
      ->capture_default_str();
  app.name("weir-bench");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }

  RaiseFileLimit();
  Report report;
  Bench bench(sizes, report);
  const std::map<std::string, std::function<void()>> run = {{"publish", [&] { bench.Publish(); }},
                                                            {"fanout", [&] { bench.Fanout(); }},
                                                            {"idle", [&] { bench.Idle(); }},
                                                            {"latency", [&] { bench.Latency(); }},
                                                            {"stopped", [&] { MeasureStopped(stopped, report); }},
                                                            {"storm", [&] { MeasureStorm(storm, report); }}};
  for (const std::string& mode : modes) {
    run.at(mode)();
  }
  fmt::print("Machine: {}. {}.\n\n| figure | value |\n|---|---:|\n", MachineName(),
             absl::FormatTime("%Y-%m-%d", absl::Now(), absl::UTCTimeZone()));
  for (const Report::Row& row : report.rows()) {
    fmt::print("| {} | {} |\n", row.what, row.value);
  }
  return report.failed() ? 1 : 0;
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) { return weir::bench::Main(argc, argv); }
