#include "tests/bench/storm.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "absl/time/clock.h"
#include "tests/bench/proc_stats.h"
#include "tests/bench/publishing.h"
#include "tests/bench/sse_load.h"
#include "tests/support/system.h"

namespace weir::bench {
namespace {

using testing::System;

class Storm {
 public:
  Storm(const StormSizes& sizes, Report& report)
      : sizes_(sizes), report_(report), server_(StartServer(system_)), client_({.server = server_}) {}

  void Run() {
    system_.StartEdge();
    if (!system_.WaitReady()) {
      return report_.Fail("the edge did not become ready");
    }
    auto load =
        SseLoad::Open({.port = system_.http_port(), .target = kTarget, .count = sizes_.readers, .on_event = {}});
    if (!load.ok()) {
      return report_.Fail(load.status().ToString());
    }
    // Everyone has a place to come back to.
    Publish(1);
    if (!(*load)->WaitDelivered(sizes_.readers)) {
      return report_.Fail("the first event did not reach everyone");
    }
    for (const bool restart : {false, true}) {
      if (!Measure(**load, restart)) {
        return;
      }
    }
  }

 private:
  static std::string StartServer(System& system) {
    system.StartServer({"--engine", "memory"});
    return system.grpc_address();
  }

  void Publish(size_t events) {
    PublishAll(client_, events, 64);
    head_ += events;
  }

  bool Measure(SseLoad& load, bool restart) {
    std::vector<double> seconds;
    std::vector<double> cpu;
    double history_reads = 0;
    for (size_t round = 0; round < sizes_.rounds; ++round) {
      load.Cut();
      if (restart) {
        system_.edge().Kill();
      } else if (!testing::WaitUntil([&] { return Metric("sse_connections_total") == 0; })) {
        report_.Fail("the edge did not see its readers go");
        return false;
      }
      Publish(sizes_.events_missed);
      if (restart) {
        system_.StartEdge();
        if (!system_.WaitReady()) {
          report_.Fail("the edge did not become ready again");
          return false;
        }
      }
      const double reads_before = Metric("weir_edge_history_reads_total");
      const CpuTime before = CpuTimeOf(system_.edge().pid());
      const absl::Time start = absl::Now();
      if (absl::Status status = load.Return(head_); !status.ok() || !load.WaitReached()) {
        report_.Fail(fmt::format("{} of {} readers caught up; {}", load.reached(), sizes_.readers, status.ToString()));
        return false;
      }
      seconds.push_back(absl::ToDoubleSeconds(absl::Now() - start));
      const CpuTime after = CpuTimeOf(system_.edge().pid());
      cpu.push_back(after.user_seconds + after.system_seconds - before.user_seconds - before.system_seconds);
      history_reads += Metric("weir_edge_history_reads_total") - reads_before;
      load.Pause();
      if (load.missing() > 0 || load.disordered() > 0) {
        report_.Fail(fmt::format("{} events missing, {} out of order", load.missing(), load.disordered()));
        return false;
      }
    }
    report_.Add(fmt::format("storm: {} readers cut, {} events missed, {}: all caught up after, median", sizes_.readers,
                            sizes_.events_missed, restart ? "edge restarted" : "all return at once"),
                fmt::format("{:.2f} s", Percentile(seconds, 0.5)));
    report_.Add("… edge CPU; reads of history at the server",
                fmt::format("{:.2f} s; {:.0f}", Percentile(cpu, 0.5), history_reads));
    return true;
  }

  double Metric(const std::string& name) const { return System::Metric(system_.edge_admin_port(), name); }

  const StormSizes& sizes_;
  Report& report_;
  System system_;
  std::string server_;
  Client client_;
  uint64_t head_ = 0;
};

}  // namespace

void MeasureStorm(const StormSizes& sizes, Report& report) { Storm(sizes, report).Run(); }

}  // namespace weir::bench
