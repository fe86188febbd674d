#include "tests/bench/bus_subscribe.h"

#include <fmt/format.h>

#include <vector>

#include "absl/time/clock.h"
#include "tests/bench/bus_publish_load.h"
#include "tests/bench/bus_subscribe_load.h"
#include "tests/bench/proc_stats.h"
#include "tests/bench/quantiles.h"
#include "tests/support/system.h"
#include "weir/client.h"

namespace weir::bench {
namespace {

// In million events a second; 0: none.
struct Goal {
  double must = 0;
  double reach = 0;
};

// Lie in the live tail by default, with room to spare.
constexpr uint64_t kTailEvents = 120'000;
constexpr uint64_t kLogEvents = 1'000'000;
// One reader is done with the tail in a moment: so often.
constexpr size_t kPasses = 10;

class SubscribeBench {
 public:
  SubscribeBench(size_t rounds, Report& report) : rounds_(rounds), report_(report) {}

  absl::Status Run() {
    system_.StartServer({"--engine", "rocksdb", "--sync", "always"});
    for (const size_t count : {1, 10, 100}) {
      for (size_t i = channels_.size(); i < count; ++i) {
        absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = Connect(system_.grpc_address());
        if (!channel.ok()) {
          return channel.status();
        }
        channels_.push_back(*std::move(channel));
      }
      if (count == 1) {
        EventMaker maker(1'000);
        if (const auto published = PublishWire(channels_.front(), maker, kLogEvents, 64); !published.ok()) {
          return published.status();
        }
      }
      Reading live;
      live.events = kTailEvents;
      live.request.mutable_start()->set_after_cursor(CursorAt(kLogEvents - kTailEvents));
      const Goal goal = count == 1 ? Goal{1.5, 2.9} : count == 100 ? Goal{3, 5.6} : Goal{};
      if (absl::Status status = Measure("in memory", live, count == 1 ? kPasses : 1, goal); !status.ok()) {
        return status;
      }
    }
    channels_.resize(1);
    Reading replay;
    replay.events = kLogEvents;
    replay.request.mutable_start()->mutable_earliest();
    return Measure("on disk", replay, 1, Goal{});
  }

 private:
  std::string CursorAt(uint64_t sequence) {
    Client client({.server = system_.grpc_address()});
    const auto status = client.GetStatus(absl::Now() + absl::Seconds(10));
    return status.ok() ? fmt::format("{}-{}", status->epoch(), sequence) : std::string();
  }

  // Events a second together, and the server's CPU for each.
  absl::Status Measure(const std::string& where, Reading& reading, size_t passes, Goal goal) {
    reading.request.add_filters(">");
    std::vector<double> rates;
    std::vector<double> cpu;
    for (size_t round = 0; round < rounds_; ++round) {
      const CpuTime before = CpuTimeOf(system_.server().pid());
      double seconds = 0;
      for (size_t pass = 0; pass < passes; ++pass) {
        const absl::StatusOr<double> took = ReadTogether(channels_, reading);
        if (!took.ok()) {
          return took.status();
        }
        seconds += *took;
      }
      const CpuTime after = CpuTimeOf(system_.server().pid());
      const auto events = static_cast<double>(reading.events * passes * channels_.size());
      rates.push_back(events / seconds);
      cpu.push_back((after.seconds - before.seconds) * 1e6 / events);
    }
    const std::string readers = fmt::format("{} reader{}", channels_.size(), channels_.size() == 1 ? "" : "s");
    const double rate = Percentile(rates, 0.5);
    Row row{.figure = fmt::format("events/s over gRPC to {} of what is {}", readers, where),
            .values = {{"weir", Thousands(rate, 0)}}};
    if (goal.must > 0) {
      row.aim = Aim{.measured = rate / 1e6, .unit = "M/s", .must = goal.must, .reach = goal.reach};
    }
    report_.Add(std::move(row));
    report_.Add(fmt::format("… server CPU per event, {}, {}", readers, where),
                fmt::format("{:.2f} µs", Percentile(cpu, 0.5)));
    return absl::OkStatus();
  }

  const size_t rounds_;
  Report& report_;
  testing::System system_;
  std::vector<std::shared_ptr<grpc::Channel>> channels_;
};

}  // namespace

void MeasureSubscribe(const Plan& plan, Report& report) {
  if (const absl::Status status = SubscribeBench(plan.rounds, report).Run(); !status.ok()) {
    report.Fail(status.ToString());
  }
}

}  // namespace weir::bench
