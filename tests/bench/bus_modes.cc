// The modes of server and log.
#include <fmt/format.h>

#include <atomic>
#include <memory>
#include <string>

#include "absl/time/clock.h"
#include "base/event_view.h"
#include "tests/bench/mode.h"
#include "tests/bench/proc_stats.h"
#include "tests/bench/publishing.h"
#include "tests/support/system.h"
#include "weir/client.h"

namespace weir::bench {
namespace {

constexpr size_t kEvents = 500'000;
constexpr size_t kBatchEvents = 64;

// Events a second of one gRPC reader that replays what was just published.
void Subscribe(Client& client, Report& report) {
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
  const uint64_t expected = kEvents + kEvents / 10;
  {
    const Subscriber subscriber(client, options, callbacks);
    if (!testing::WaitUntil([&] { return events.load() >= expected; }, absl::Minutes(2))) {
      return report.Fail(fmt::format("subscribe: {} of {} events", events.load(), expected));
    }
  }
  const double seconds = absl::ToDoubleSeconds(absl::Now() - start);
  report.Add("subscribe from earliest, RocksDB, one gRPC reader: events/s",
             fmt::format("{:.0f}", static_cast<double>(expected) / seconds));
  report.Add("… bytes of an event as stored", fmt::format("{} B", bytes.load() / events.load()));
}

// Acks a second on one stream against RocksDB with sync.
void Publish(const Plan&, Report& report) {
  testing::System system;
  system.StartServer({"--engine", "rocksdb", "--sync", "always"});
  Client client({.server = system.grpc_address()});
  PublishAll(client, kEvents / 10, kBatchEvents);  // warm-up
  const CpuTime before = CpuTimeOf(system.server().pid());
  const double rate = PublishAll(client, kEvents, kBatchEvents);
  const CpuTime after = CpuTimeOf(system.server().pid());
  const double cpu = after.user_seconds + after.system_seconds - before.user_seconds - before.system_seconds;
  report.Add(fmt::format("publish, RocksDB with sync, one stream, ≤ {} events a message: acks/s", kBatchEvents),
             fmt::format("{:.0f}", rate));
  report.Add("… server CPU per event", fmt::format("{:.2f} µs", cpu * 1e6 / static_cast<double>(kEvents)));
  Subscribe(client, report);
}

}  // namespace

std::vector<Mode> BusModes() {
  return {
      {.name = "publish", .what = "acknowledgements of one publisher, and their replay over gRPC", .run = Publish},
  };
}

}  // namespace weir::bench
