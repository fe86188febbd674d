#include "tests/bench/bus_publish.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/bench/bus_publish_load.h"
#include "tests/bench/bus_unary_load.h"
#include "tests/bench/proc_stats.h"
#include "tests/bench/quantiles.h"
#include "tests/support/system.h"

namespace weir::bench {
namespace {

constexpr size_t kTopics = 1'000;
constexpr size_t kClients = 64;

const std::vector<std::string> kDurable = {"--engine", "rocksdb", "--sync", "always"};

struct Floor {
  testing::Process process;
  std::string address;
};

absl::StatusOr<Floor> StartFloor(const testing::System& system) {
  absl::StatusOr<testing::Process> process = testing::Process::Start(
      {testing::BinaryPath("weir-sync-floor"), system.dir().File("floor")}, system.dir().File("floor.log"));
  if (!process.ok()) {
    return process.status();
  }
  const absl::StatusOr<std::string> port = process->ReadLine(testing::kPatience);
  if (!port.ok()) {
    return port.status();
  }
  return Floor{*std::move(process), "127.0.0.1:" + *port};
}

struct Rates {
  std::vector<double> acks;
  std::vector<double> cpu_micros;  // of the server, per event
};

struct Case {
  size_t batch;
  uint64_t events;
  double must;  // acks a second, in thousands
  double reach;
  Rates weir = {};
  Rates floor = {};
};

// A server that is published to, and how fast it takes what.
struct Server {
  std::shared_ptr<grpc::Channel> channel;
  pid_t pid;
  Rates Case::*rates;
};

// One round: `events` events in messages of `batch`.
absl::Status Round(const Server& server, EventMaker& maker, uint64_t events, size_t batch, Rates& rates) {
  const CpuTime before = CpuTimeOf(server.pid);
  const absl::StatusOr<PublishResult> result = PublishWire(server.channel, maker, events, batch);
  if (!result.ok()) {
    return result.status();
  }
  const CpuTime after = CpuTimeOf(server.pid);
  const double cpu = after.seconds - before.seconds;
  rates.acks.push_back(result->acks_per_second);
  rates.cpu_micros.push_back(cpu * 1e6 / static_cast<double>(events));
  return absl::OkStatus();
}

// All rounds of all cases; who is first changes from round to round.
absl::Status RunAll(size_t rounds, std::vector<Server> servers, std::vector<Case>& cases) {
  EventMaker maker(kTopics);
  absl::Status status;
  for (const Server& server : servers) {
    Rates warm_up;
    status.Update(Round(server, maker, 200'000, 64, warm_up));
  }
  for (size_t round = 0; round < rounds; ++round) {
    for (Case& each : cases) {
      for (const Server& server : servers) {
        status.Update(Round(server, maker, each.events, each.batch, each.*server.rates));
      }
    }
    std::reverse(servers.begin(), servers.end());
  }
  return status;
}

std::string BatchOf(size_t batch) { return fmt::format("{} event{} a message", batch, batch == 1 ? "" : "s"); }

void AddRows(Case& each, Report& report) {
  std::vector<double> ratios;
  for (size_t i = 0; i < each.weir.acks.size(); ++i) {
    ratios.push_back(each.weir.acks[i] / each.floor.acks[i]);
  }
  const double acks = Percentile(each.weir.acks, 0.5);
  report.Add({.figure = fmt::format("acks/s on one stream, {}", BatchOf(each.batch)),
              .values = {{"weir", Thousands(acks, 0)}, {kSyncFloor, Thousands(Percentile(each.floor.acks, 0.5), 0)}},
              .aim = Aim{.measured = acks / 1e3, .unit = "k/s", .must = each.must, .reach = each.reach}});
  report.Add({.figure = StreamRatioFigure(each.batch),
              .values = {},
              .aim = Aim{.measured = Percentile(ratios, 0.5), .unit = fmt::format("× {}", kSyncFloor)}});
  report.Add({.figure = fmt::format("… server CPU per event, {} a message", each.batch),
              .values = {{"weir", fmt::format("{:.2f} µs", Percentile(each.weir.cpu_micros, 0.5))},
                         {kSyncFloor, fmt::format("{:.2f} µs", Percentile(each.floor.cpu_micros, 0.5))}}});
}

}  // namespace

std::string StreamRatioFigure(size_t batch) {
  return fmt::format("… against a server that only syncs, {}", BatchOf(batch));
}

void MeasurePublishStream(const Plan& plan, Report& report) {
  testing::System system;
  system.StartServer(kDurable);
  const absl::StatusOr<Floor> floor = StartFloor(system);
  if (!floor.ok()) {
    return report.Fail(floor.status().ToString());
  }
  const absl::StatusOr<std::shared_ptr<grpc::Channel>> ours = Connect(system.grpc_address());
  const absl::StatusOr<std::shared_ptr<grpc::Channel>> theirs = Connect(floor->address);
  if (!ours.ok() || !theirs.ok()) {
    return report.Fail((ours.ok() ? theirs.status() : ours.status()).ToString());
  }
  const uint64_t part = plan.quick ? 3 : 1;
  std::vector<Case> cases = {{64, 1'000'000 / part, 200, 300}, {1, 250'000 / part, 80, 110}};
  const absl::Status status = RunAll(
      plan.rounds, {{*ours, system.server().pid(), &Case::weir}, {*theirs, floor->process.pid(), &Case::floor}}, cases);
  if (!status.ok()) {
    return report.Fail(status.ToString());
  }
  for (Case& each : cases) {
    AddRows(each, report);
  }
}

void MeasurePublishUnary(const Plan& plan, Report& report) {
  testing::System system;
  system.StartServer(kDurable);
  const absl::StatusOr<Floor> floor = StartFloor(system);
  if (!floor.ok()) {
    return report.Fail(floor.status().ToString());
  }
  absl::StatusOr<std::unique_ptr<UnaryLoad>> ours = UnaryLoad::Open(system.grpc_address(), kClients);
  absl::StatusOr<std::unique_ptr<UnaryLoad>> theirs = UnaryLoad::Open(floor->address, kClients);
  if (!ours.ok() || !theirs.ok()) {
    return report.Fail((ours.ok() ? theirs.status() : ours.status()).ToString());
  }
  const absl::Duration seconds = absl::Seconds(plan.quick ? 2 : 3);
  std::vector<double> calls;
  std::vector<double> least_calls;
  std::vector<double> ratios;
  for (size_t round = 0; round < plan.rounds; ++round) {
    const absl::StatusOr<double> weir = (*ours)->Run(seconds);
    const absl::StatusOr<double> least = (*theirs)->Run(seconds);
    if (!weir.ok() || !least.ok()) {
      return report.Fail((weir.ok() ? least.status() : weir.status()).ToString());
    }
    calls.push_back(*weir);
    least_calls.push_back(*least);
    ratios.push_back(*weir / *least);
  }
  report.Add(
      {.figure = kUnaryFigure,
       .values = {{"weir", Thousands(Percentile(calls, 0.5), 0)},
                  {kSyncFloor, Thousands(Percentile(least_calls, 0.5), 0)}},
       .aim = Aim{
           .measured = Percentile(ratios, 0.5), .unit = fmt::format("× {}", kSyncFloor), .must = 0.7, .reach = 0.9}});
}

}  // namespace weir::bench
