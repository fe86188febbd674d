#include "tests/bench/connections.h"

#include <fmt/format.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "tests/bench/measure.h"
#include "tests/bench/quantiles.h"
#include "tests/bench/tls.h"
#include "tests/bench/weir_target.h"

namespace weir::bench {
namespace {

constexpr size_t kIdle = 10'000;
constexpr char kConnectFigure[] = "10,000 streams opened one after the other: connects/s";

// By target: bytes for each connection, one value for each round in which it took them all.
using Bytes = std::map<std::string, std::vector<double>>;

// Of processes that were just started.
void AddBytesEach(const std::vector<std::unique_ptr<Target>>& targets, bool web_socket, Bytes& bytes, Report& report) {
  for (const auto& target : targets) {
    const uint64_t before = PssBytesOf(target->pids());
    const auto load = OpenIdle(*target, kIdle, 0, web_socket);
    if (load.ok()) {
      bytes[target->name()].push_back(static_cast<double>(PssBytesOf(target->pids()) - before) / kIdle);
    } else {
      FailOrLack(*target, fmt::format("{} idle streams: {}", kIdle, Message(load.status())), report);
    }
  }
}

// Of those that took all connections in every round.
Row BytesRow(const Plan& plan, std::string figure, const Bytes& bytes, double must, double reach) {
  Row row{.figure = std::move(figure), .values = {}};
  for (const char* const name : kTargets) {
    if (const auto it = bytes.find(name); it != bytes.end() && it->second.size() == plan.rounds) {
      row.values.emplace_back(name, Thousands(Median(it->second), 0));
    }
  }
  if (const auto it = bytes.find("weir"); it != bytes.end()) {
    row.aim = Aim{.measured = Median(it->second), .unit = "B", .must = must, .reach = reach, .at_least = false};
  }
  return row;
}

// Each target in a fresh process, each round.
void Idle(const Plan& plan, Report& report) {
  Bytes streams;
  Bytes web_sockets;
  Bytes over_tls;
  const ServedCertificate certificate;
  Plan alone = plan;
  alone.targets = {"none"};
  for (size_t round = 0; round < plan.rounds; ++round) {
    AddBytesEach(StartAll(plan, {}, report), false, streams, report);
    AddBytesEach(StartAll(alone, {}, report), true, web_sockets, report);
    AddBytesEach(StartAll(plan, certificate.options(), report), false, over_tls, report);
  }
  report.Add(
      BytesRow(plan, "idle, 10,000 streams (Weir's with tokens): user memory of each, bytes", streams, 1024, 512));
  report.Add(BytesRow(plan, "… of each WebSocket, bytes", web_sockets, 2048, 1024));
  report.Add(BytesRow(plan, "… of each over TLS, bytes", over_tls, 16'384, 10'240));
}

void Connect(const Plan& plan, Report& report) {
  const auto targets = StartAll(plan, {}, report);
  const Rounds rounds = Interleave(
      plan, targets, "10,000 streams",
      [](Target& target) -> absl::StatusOr<Figures> {
        const CpuTime before = CpuTimeOf(target.pids());
        const LimitWatch limit;
        const auto load = OpenReaders(target, {.topics = 1, .readers = kIdle});
        if (!load.ok()) {
          return load.status();
        }
        const CpuTime after = CpuTimeOf(target.pids());
        Figures figures;
        figures.limit = limit.Look(**load);
        figures.rate = kIdle / (*load)->connect_seconds();
        figures.user_us = (after.user_seconds - before.user_seconds) * 1e6 / kIdle;
        figures.cpu_us = (after.seconds - before.seconds) * 1e6 / kIdle;
        return figures;
      },
      report);
  Row row = RowOf(kConnectFigure, rounds, &Figures::rate, 0);
  AimAgainst(row, rounds, "nchan", &Figures::rate, 1, MedianRatio(rounds, "floor", "nchan", &Figures::rate), true);
  report.Add(row);
  report.Add(RowOf("… CPU of each, µs", rounds, &Figures::cpu_us, 1));
  report.Add(RowOf("… of it in user mode, µs", rounds, &Figures::user_us, 1));
  report.Add(LimitRow("… what there was no more of", rounds));
}

}  // namespace

absl::StatusOr<std::unique_ptr<StreamLoad>> OpenIdle(Target& target, size_t count, size_t first, bool web_socket) {
  auto* const weir = dynamic_cast<WeirTarget*>(&target);
  if (weir == nullptr) {
    return OpenReaders(target, {.topics = 1, .readers = count});
  }
  return StreamLoad::Open(
      {.port = target.port(),
       .count = count,
       .web_socket = web_socket,
       .tls = target.tls(),
       .request =
           [weir, first](size_t reader) {
             return StreamRequest{
                 WeirTarget::PrivatePathOf(0),
                 fmt::format("Authorization: Bearer {}\r\n", weir->TokenOf(fmt::format("reader-{}", first + reader)))};
           },
       .begins_with = target.begins_with()});
}

Mode IdleMode() {
  return {.name = "idle", .what = "memory of 10,000 idle streams and WebSockets, and over TLS", .run = Idle};
}

Mode ConnectMode() {
  return {.name = "connect", .what = "connects a second", .run = Connect, .ratios = {{kConnectFigure, "nchan"}}};
}

}  // namespace weir::bench
