#include "tests/bench/connections.h"

#include <fmt/format.h>

#include <map>
#include <string>
#include <vector>

#include "tests/bench/measure.h"
#include "tests/bench/tls.h"
#include "tests/bench/weir_target.h"

namespace weir::bench {
namespace {

constexpr size_t kIdle = 10'000;

// Weir's readers have a token each, and it has the heartbeats and limits that it has by default.
absl::StatusOr<std::unique_ptr<StreamLoad>> OpenIdle(Target& target, bool web_socket) {
  auto* const weir = dynamic_cast<WeirTarget*>(&target);
  if (weir == nullptr) {
    return OpenReaders(target, {.topics = 1, .readers = kIdle});
  }
  return StreamLoad::Open({.port = target.port(),
                           .count = kIdle,
                           .web_socket = web_socket,
                           .tls = target.tls(),
                           .request =
                               [weir](size_t reader) {
                                 return StreamRequest{WeirTarget::PrivatePathOf(0),
                                                      fmt::format("Authorization: Bearer {}\r\n",
                                                                  weir->TokenOf(fmt::format("reader-{}", reader)))};
                               },
                           .begins_with = target.begins_with()});
}

// Bytes for each connection of a process that was just started; 0 when it failed.
double BytesEach(Target& target, bool web_socket, Report& report) {
  const uint64_t before = PssBytesOf(target.pids());
  const auto load = OpenIdle(target, web_socket);
  if (!load.ok()) {
    report.Fail(fmt::format("{}: {}", target.name(), load.status().ToString()));
    return 0;
  }
  return static_cast<double>(PssBytesOf(target.pids()) - before) / kIdle;
}

// Each target in a fresh process, each round.
void Idle(const Plan& plan, Report& report) {
  std::map<std::string, std::vector<double>> bytes;
  std::map<std::string, std::vector<double>> tls_bytes;
  const ServedCertificate certificate;
  Plan alone = plan;
  alone.targets = {"none"};
  for (size_t round = 0; round < plan.rounds; ++round) {
    const auto all = StartAll(plan, {}, report);
    for (const auto& target : all) {
      bytes[target->name()].push_back(BytesEach(*target, false, report));
    }
    for (const auto& weir : StartAll(alone, {}, report)) {
      bytes["WebSocket"].push_back(BytesEach(*weir, true, report));
    }
    for (const auto& target : StartAll(plan, certificate.options(), report)) {
      tls_bytes[target->name()].push_back(BytesEach(*target, false, report));
    }
  }
  Row row{.figure = "idle, 10,000 streams (Weir's with tokens): user memory of each, bytes", .values = {}};
  for (const char* const name : kTargets) {
    if (bytes.contains(name)) {
      row.values.emplace_back(name, Thousands(Median(bytes[name]), 0));
    }
  }
  row.aim = Aim{.measured = Median(bytes["weir"]), .unit = "B", .must = 1024, .reach = 512, .at_least = false};
  report.Add(row);
  report.Add(Row{
      .figure = "… of each WebSocket, bytes",
      .values = {{"weir", Thousands(Median(bytes["WebSocket"]), 0)}},
      .aim = Aim{.measured = Median(bytes["WebSocket"]), .unit = "B", .must = 2048, .reach = 1024, .at_least = false}});
  Row tls{.figure = "… of each over TLS, bytes", .values = {}};
  for (const auto& [target, values] : tls_bytes) {
    tls.values.emplace_back(target, Thousands(Median(values), 0));
  }
  tls.aim = Aim{.measured = Median(tls_bytes["weir"]), .unit = "B", .must = 16'384, .reach = 10'240, .at_least = false};
  report.Add(tls);
}

void Connect(const Plan& plan, Report& report) {
  const auto targets = StartAll(plan, {}, report);
  const Rounds rounds = Interleave(
      plan, targets,
      [](Target& target) -> absl::StatusOr<Figures> {
        const CpuTime before = CpuTimeOf(target.pids());
        const auto load = OpenReaders(target, {.topics = 1, .readers = kIdle});
        if (!load.ok()) {
          return load.status();
        }
        const CpuTime after = CpuTimeOf(target.pids());
        Figures figures;
        figures.rate = kIdle / (*load)->connect_seconds();
        figures.user_us = (after.user_seconds - before.user_seconds) * 1e6 / kIdle;
        figures.cpu_us = figures.user_us + (after.system_seconds - before.system_seconds) * 1e6 / kIdle;
        return figures;
      },
      report);
  Row row = RowOf("10,000 streams opened one after the other: connects/s", rounds, &Figures::rate, 0);
  AimAgainst(row, rounds, "nchan", &Figures::rate, 1, MedianRatio(rounds, "floor", "nchan", &Figures::rate), true);
  report.Add(row);
  report.Add(RowOf("… CPU of each, µs", rounds, &Figures::cpu_us, 1));
  report.Add(RowOf("… of it in user mode, µs", rounds, &Figures::user_us, 1));
}

}  // namespace

Mode IdleMode() {
  return {.name = "idle", .what = "memory of 10,000 idle streams and WebSockets, and over TLS", .run = Idle};
}

Mode ConnectMode() { return {.name = "connect", .what = "connects a second", .run = Connect}; }

}  // namespace weir::bench
