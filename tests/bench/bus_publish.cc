#include "tests/bench/bus_publish.h"

#include <fmt/format.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "tests/bench/bus_publish_load.h"
#include "tests/bench/bus_unary_load.h"
#include "tests/bench/proc_stats.h"
#include "tests/bench/publishing.h"
#include "tests/support/system.h"

namespace weir::bench {
namespace {

constexpr size_t kTopics = 1'000;
constexpr size_t kClients = 64;
constexpr absl::Duration kUnaryRound = absl::Seconds(3);

const std::vector<std::string> kDurable = {"--engine", "rocksdb", "--sync", "always"};

struct Rates {
  std::vector<double> acks;
  std::vector<double> cpu_micros;  // of the server, per event
};

// One round: `events` events in messages of `batch`.
absl::Status Round(testing::System& system, const std::shared_ptr<grpc::Channel>& channel, EventMaker& maker,
                   uint64_t events, size_t batch, Rates& rates) {
  const CpuTime before = CpuTimeOf(system.server().pid());
  const absl::StatusOr<PublishResult> result = PublishWire(channel, maker, events, batch);
  if (!result.ok()) {
    return result.status();
  }
  const CpuTime after = CpuTimeOf(system.server().pid());
  const double cpu = after.user_seconds + after.system_seconds - before.user_seconds - before.system_seconds;
  rates.acks.push_back(result->acks_per_second);
  rates.cpu_micros.push_back(cpu * 1e6 / static_cast<double>(events));
  return absl::OkStatus();
}

}  // namespace

void MeasurePublishStream(const Plan& plan, Report& report) {
  testing::System system;
  system.StartServer(kDurable);
  const absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = Connect(system.grpc_address());
  if (!channel.ok()) {
    return report.Fail(channel.status().ToString());
  }
  struct Case {
    size_t batch;
    uint64_t events;
    double must;  // acks a second, in thousands
    double reach;
    Rates rates;
  };
  std::vector<Case> cases = {{64, 1'000'000, 200, 300, {}}, {1, 250'000, 80, 110, {}}};
  EventMaker maker(kTopics);
  Rates warm_up;
  absl::Status status = Round(system, *channel, maker, 200'000, 64, warm_up);
  for (size_t round = 0; round < plan.rounds; ++round) {
    for (Case& each : cases) {
      status.Update(Round(system, *channel, maker, each.events, each.batch, each.rates));
    }
  }
  if (!status.ok()) {
    return report.Fail(status.ToString());
  }
  for (Case& each : cases) {
    const double acks = Percentile(each.rates.acks, 0.5);
    report.Add(
        {.figure = fmt::format("acks/s on one stream, {} event{} a message", each.batch, each.batch == 1 ? "" : "s"),
         .values = {{"weir", Thousands(acks, 0)}},
         .aim = Aim{.measured = acks / 1e3, .unit = "k/s", .must = each.must, .reach = each.reach}});
    report.Add(fmt::format("… server CPU per event, {} a message", each.batch),
               fmt::format("{:.2f} µs", Percentile(each.rates.cpu_micros, 0.5)));
  }
}

void MeasurePublishUnary(const Plan& plan, Report& report) {
  testing::System system;
  system.StartServer(kDurable);
  absl::StatusOr<testing::Process> floor = testing::Process::Start(
      {testing::BinaryPath("weir-sync-floor"), system.dir().File("floor")}, system.dir().File("floor.log"));
  absl::StatusOr<std::string> port = floor.ok() ? floor->ReadLine(testing::kPatience) : floor.status();
  if (!port.ok()) {
    return report.Fail(port.status().ToString());
  }
  absl::StatusOr<std::unique_ptr<UnaryLoad>> ours = UnaryLoad::Open(system.grpc_address(), kClients);
  absl::StatusOr<std::unique_ptr<UnaryLoad>> theirs = UnaryLoad::Open("127.0.0.1:" + *port, kClients);
  if (!ours.ok() || !theirs.ok()) {
    return report.Fail((ours.ok() ? theirs.status() : ours.status()).ToString());
  }
  std::vector<double> calls;
  std::vector<double> least_calls;
  std::vector<double> ratios;
  for (size_t round = 0; round < plan.rounds; ++round) {
    const absl::StatusOr<double> weir = (*ours)->Run(kUnaryRound);
    const absl::StatusOr<double> least = (*theirs)->Run(kUnaryRound);
    if (!weir.ok() || !least.ok()) {
      return report.Fail((weir.ok() ? least.status() : weir.status()).ToString());
    }
    calls.push_back(*weir);
    least_calls.push_back(*least);
    ratios.push_back(*weir / *least);
  }
  report.Add({.figure = fmt::format("calls/s of {} clients, one event a call", kClients),
              .values = {{"weir", Thousands(Percentile(calls, 0.5), 0)},
                         {"sync only", Thousands(Percentile(least_calls, 0.5), 0)}},
              .aim = Aim{.measured = Percentile(ratios, 0.5), .unit = "× sync only", .must = 0.7, .reach = 0.9}});
}

}  // namespace weir::bench
