#include "tests/bench/stopped.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "tests/bench/proc_stats.h"
#include "tests/bench/publishing.h"
#include "tests/bench/quantiles.h"
#include "tests/bench/socket_memory.h"
#include "tests/support/system.h"

namespace weir::bench {
namespace {

using testing::System;

struct StoppedSizes {
  size_t readers = 1'000;
  double seconds = 30;  // less than limits.slow_reader_timeout
  size_t rounds = 3;
  size_t event_bytes = 8'000;
  double events_per_second = 150;
  size_t healthy_readers = 10;
  size_t send_buffer_kib = 256;  // limits.send_buffer_bytes of the edge; as it is by default
};

constexpr double kMiB = 1 << 20;

// Readers that stop are at first like any others: until the buffers between are full.
enum Phase : uint8_t { kAlone, kFilling, kBeside };

// A round counts when the host took less than this of the processors: what others on the same host do is not the
// edge's.
constexpr double kStolenMax = 0.01;

// What the healthy readers felt in one round, in milliseconds.
struct Felt {
  double alone_p50, alone_p99;
  double full_p50, full_p99;      // the buffers of those that stopped are full
  double beside_p50, beside_p99;  // from the first moment on
};

double MedianOf(const std::vector<Felt>& rounds, double Felt::*figure) {
  std::vector<double> values;
  for (const Felt& round : rounds) {
    values.push_back(round.*figure);
  }
  return Median(std::move(values));
}

class Stopped {
 public:
  Stopped(const StoppedSizes& sizes, Report& report)
      : sizes_(sizes),
        report_(report),
        events_per_phase_(static_cast<size_t>(sizes.seconds * sizes.events_per_second)),
        due_(2 * kTriesPerRound * sizes.rounds * events_per_phase_ + 1),
        phases_(due_.size(), kAlone),
        millis_(3) {}

  void Run() {
    // The engine in memory: no disk disturbs the readers.
    testing::WriteFile(system_.edge_config_path(), fmt::format("limits: {{send_buffer_bytes: {}KiB}}\n{}",
                                                               sizes_.send_buffer_kib, testing::FiveRoutesYaml()));
    system_.StartServer({"--engine", "memory"});
    system_.StartEdge();
    if (!system_.WaitReady()) {
      return report_.Fail("the edge did not become ready");
    }
    auto healthy = OpenReadersAt(system_.http_port(), sizes_.healthy_readers,
                                 [this](size_t, uint64_t number, int64_t nanos) { Took(number, nanos); });
    if (!healthy.ok()) {
      return report_.Fail(healthy.status().ToString());
    }
    Client client({.server = system_.grpc_address()});
    Publisher publisher(client);
    for (size_t tries = 0; felt_.size() < sizes_.rounds && tries < kTriesPerRound * sizes_.rounds; ++tries) {
      before_ = 0;
      const load::MachineTime begun = load::MachineTimeNow();
      Publish(publisher, [this, looked = absl::InfinitePast()]() mutable {
        LookNowAndThen(alone_, looked);
        Metric("weir_edge_streams_lagging");
        return kAlone;
      });
      before_ = Beyond();
      if (!Stop(publisher, begun)) {
        return;
      }
    }
    (*healthy)->Pause();
    if ((*healthy)->missing() > 0 || (*healthy)->disordered() > 0) {
      report_.Fail(fmt::format("a healthy reader missed {} events", (*healthy)->missing()));
    }
    Tell();
  }

 private:
  static constexpr size_t kTriesPerRound = 3;

  // Called by the healthy readers' thread.
  void Took(uint64_t number, int64_t nanos) {
    if (number < due_.size()) {
      const int64_t at = due_[number].load();
      const std::lock_guard lock(mutex_);
      millis_[phases_[number]].push_back(static_cast<double>(nanos - at) / 1e6);
    }
  }

  // Each event when it is due, or as soon as the one before has gone. Another thread asks `phase` now and then: to look
  // takes its time.
  template <typename F>
  void Publish(Publisher& publisher, F&& phase) {
    std::atomic<Phase> current = phase();
    absl::Notification published;
    std::thread watcher([&] {
      while (!published.WaitForNotificationWithTimeout(absl::Milliseconds(250))) {
        current = phase();
      }
    });
    absl::Time due = absl::Now();
    for (size_t i = 0; i < events_per_phase_; ++i) {
      absl::SleepFor(due - absl::Now());
      ++head_;
      const v1::Event event = MakeEvent(sizes_.event_bytes, head_);
      phases_[head_] = current;
      due_[head_].store(absl::ToUnixNanos(due));
      publisher.Publish(event, [](const PublishOutcome&) {});
      due += absl::Seconds(1 / sizes_.events_per_second);
    }
    published.Notify();
    watcher.join();
  }

  // The second half of a round that has `begun`.
  bool Stop(Publisher& publisher, const load::MachineTime& begun) {
    auto load = OpenReadersAt(system_.http_port(), sizes_.readers);
    if (!load.ok()) {
      report_.Fail(load.status().ToString());
      return false;
    }
    (*load)->Pause();
    Publish(publisher, [this, looked = absl::InfinitePast()]() mutable {
      LookNowAndThen(stopped_, looked);
      return Metric("weir_edge_streams_lagging") < static_cast<double>(sizes_.readers) ? kFilling : kBeside;
    });
    if (absl::Status status = publisher.Flush(absl::Now() + absl::Seconds(30)); !status.ok()) {
      report_.Fail(status.ToString());
      return false;
    }
    const double stolen = StolenSince(begun);
    if (!testing::WaitUntil([this] { return Taken() == 2 * events_per_phase_ * sizes_.healthy_readers; })) {
      report_.Fail("a healthy reader did not get everything");
      return false;
    }
    Feel(stolen);
    const absl::Time start = absl::Now();
    (*load)->Resume(head_);
    while ((*load)->reached() < sizes_.readers && absl::Now() - start < absl::Minutes(5)) {
      Look(catching_up_);
      absl::SleepFor(absl::Milliseconds(250));
    }
    catch_up_seconds_ = std::max(catch_up_seconds_, absl::ToDoubleSeconds(absl::Now() - start));
    const uint64_t reached = (*load)->reached();
    (*load)->Pause();
    missing_ += (*load)->missing();
    ended_ += (*load)->ended();
    if (reached < sizes_.readers || (*load)->missing() > 0 || (*load)->disordered() > 0) {
      report_.Fail(fmt::format("{} of {} readers caught up, {} events missing, {} out of order, {} streams ended",
                               reached, sizes_.readers, (*load)->missing(), (*load)->disordered(), (*load)->ended()));
      return false;
    }
    (*load)->Cut();
    return testing::WaitUntil([this] { return Metric("sse_connections_total") <= sizes_.healthy_readers; });
  }

  // The edge's memory without its tail.
  double Beyond() { return static_cast<double>(PssBytesOf(system_.edge().pid())) - Metric("weir_edge_tail_bytes"); }

  struct Peak {
    double beyond = 0;
    SocketMemory sockets;
  };

  // Looking costs something: it is done seldom, and in every phase alike.
  void LookNowAndThen(Peak& peak, absl::Time& looked) {
    if (absl::Now() - looked >= absl::Seconds(5)) {
      looked = absl::Now();
      Look(peak);
    }
  }

  void Look(Peak& peak) {
    peak.beyond = std::max(peak.beyond, Beyond() - before_);
    if (absl::StatusOr<SocketMemory> sockets = MemoryOfSocketsAt(system_.http_port()); sockets.ok()) {
      peak.sockets.sockets = std::max(peak.sockets.sockets, sockets->sockets);
      peak.sockets.bytes = std::max(peak.sockets.bytes, sockets->bytes);
      peak.sockets.bytes_max = std::max(peak.sockets.bytes_max, sockets->bytes_max);
    } else {
      report_.Fail(sockets.status().ToString());
    }
  }

  void Tell() {
    report_.Add(fmt::format("{} readers stop for {:.0f} s at {:.0f} events/s × {} B: edge grows beyond its tail by",
                            sizes_.readers, sizes_.seconds, sizes_.events_per_second, sizes_.event_bytes),
                fmt::format("{:.1f} MiB", stopped_.beyond / kMiB));
    const auto streams = static_cast<double>(sizes_.readers + sizes_.healthy_readers);
    report_.Add(
        "… kernel memory of the edge's sockets, of the limit (streams × send_buffer_bytes)",
        fmt::format("{:.1f} of {:.1f} MiB; one socket at most {} KiB",
                    static_cast<double>(stopped_.sockets.bytes) / kMiB,
                    streams * static_cast<double>(sizes_.send_buffer_kib) / 1024, stopped_.sockets.bytes_max / 1024));
    TellFelt();
    report_.Add("… all read again: everyone has everything after; edge beyond its tail at most",
                fmt::format("{:.1f} s; {:.1f} MiB", catch_up_seconds_, catching_up_.beyond / kMiB));
    report_.Add("… events missing; streams that the edge had ended", fmt::format("{}; {}", missing_, ended_));
  }

  size_t Taken() {
    const std::lock_guard lock(mutex_);
    return millis_[kAlone].size() + millis_[kFilling].size() + millis_[kBeside].size();
  }

  // What the healthy readers took in this round: they have everything.
  void Feel(double stolen) {
    const std::lock_guard lock(mutex_);
    std::vector<double>& full = millis_[kBeside];
    std::vector<double> beside = full;
    beside.insert(beside.end(), millis_[kFilling].begin(), millis_[kFilling].end());
    const Felt felt = {Percentile(millis_[kAlone], 0.5), Percentile(millis_[kAlone], 0.99), Percentile(full, 0.5),
                       Percentile(full, 0.99),           Percentile(beside, 0.5),           Percentile(beside, 0.99)};
    for (std::vector<double>& phase : millis_) {
      phase.clear();
    }
    fmt::print(stderr, "a round: p99 {:.2f} ms alone, {:.2f} ms beside ({:.2f} ×); the host took {:.1f} %{}\n",
               felt.alone_p99, felt.beside_p99, felt.beside_p99 / felt.alone_p99, 100 * stolen,
               stolen < kStolenMax ? "" : ": does not count");
    if (stolen < kStolenMax) {
      felt_.push_back(felt);
    } else {
      ++disturbed_;
    }
  }

  void TellFelt() {
    if (felt_.empty()) {
      return report_.Fail(
          fmt::format("the host took {:.0f} % of the processors or more in each of {} rounds: what the "
                      "healthy readers felt cannot be told",
                      100 * kStolenMax, disturbed_));
    }
    const auto tell = [this](const std::string& what, double Felt::*p50, double Felt::*p99, double must = 0) {
      const double ratio = MedianOf(felt_, p99) / MedianOf(felt_, &Felt::alone_p99);
      Row row{.figure = what,
              .values = {{"weir", fmt::format("{:.2f} / {:.2f} ms", MedianOf(felt_, p50), MedianOf(felt_, p99))}}};
      if (must > 0) {
        row.aim = Aim{.measured = ratio, .unit = "× alone", .must = must, .at_least = false};
      }
      report_.Add(row);
    };
    tell(fmt::format("… a healthy reader's p50 / p99 alone, medians of {} rounds ({} more were disturbed by the host)",
                     felt_.size(), disturbed_),
         &Felt::alone_p50, &Felt::alone_p99);
    tell("… beside them, when their buffers are full", &Felt::full_p50, &Felt::full_p99);
    tell("… beside them, in all", &Felt::beside_p50, &Felt::beside_p99, 1.2);
  }

  double Metric(const std::string& name) const { return System::Metric(system_.edge_admin_port(), name); }

  const StoppedSizes sizes_;
  Report& report_;
  System system_;
  const size_t events_per_phase_;
  std::vector<std::atomic<int64_t>> due_;  // by the event's number
  std::vector<Phase> phases_;
  std::mutex mutex_;
  std::vector<std::vector<double>> millis_ ABSL_GUARDED_BY(mutex_);  // by phase, of this round
  std::vector<Felt> felt_;                                           // by round that counts
  size_t disturbed_ = 0;                                             // rounds that do not
  uint64_t head_ = 0;                                                // the newest event's number
  double before_ = 0;
  Peak alone_;
  Peak stopped_;
  Peak catching_up_;
  double catch_up_seconds_ = 0;
  uint64_t missing_ = 0;
  uint64_t ended_ = 0;
};

}  // namespace

Mode StoppedMode() {
  const auto sizes = std::make_shared<StoppedSizes>();
  return {.name = "stopped",
          .what = "readers that stop, and a reader beside them",
          .run =
              [sizes](const Plan& plan, Report& report) {
                sizes->rounds = plan.rounds;
                Stopped(*sizes, report).Run();
              },
          .options =
              [sizes](CLI::App& app) {
                app.add_option("--stopped", sizes->readers, "Readers that stop reading")
                    ->check(CLI::Range(1, 5'000))
                    ->capture_default_str();
                app.add_option("--stopped-seconds", sizes->seconds, "For how long they do")
                    ->check(CLI::Range(1.0, 50.0))
                    ->capture_default_str();
                app.add_option("--send-buffer", sizes->send_buffer_kib,
                               "limits.send_buffer_bytes of the edge then, in KiB")
                    ->check(CLI::Range(4, 16'384))
                    ->capture_default_str();
              }};
}

}  // namespace weir::bench
