// How targets are compared: in rounds, one block of load after the other, so that what the machine does to one it does
// to all; the median of the rounds' ratios counts.
#ifndef WEIR_TESTS_BENCH_MEASURE_H_
#define WEIR_TESTS_BENCH_MEASURE_H_

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "load/machine.h"
#include "load/stream_load.h"
#include "tests/bench/mode.h"
#include "tests/bench/proc_stats.h"
#include "tests/bench/target.h"

namespace weir::bench {

using load::StreamLoad;
using load::StreamRequest;

// What readers do; reader i reads topic i % topics.
struct Shape {
  size_t topics = 1;
  size_t readers = 1'000;
  bool web_socket = false;
};

// Of one block. CPU time is that of the target's processes.
struct Figures {
  double rate = 0;     // deliveries a second
  double cpu_us = 0;   // per delivery
  double user_us = 0;  // of it in user mode
  double p50_ms = 0;   // from the moment at which publishing was due to the last byte read
  double p99_ms = 0;
  // Weir: from the moment that a subscriber over gRPC has the event, as the edge has; others: from that of publishing.
  double receipt_p50_ms = 0;
  double receipt_p99_ms = 0;
  std::string limit;   // as of LimitWatch
  std::string cipher;  // of TLS, if it was used
};

// What there was no more of since it was made.
class LimitWatch {
 public:
  // Of a load that is opened afterwards.
  LimitWatch() = default;
  explicit LimitWatch(const StreamLoad& load) : before_(load) {}

  // `generator`, `machine` or `target`.
  std::string Look(const StreamLoad& load) const;

 private:
  // Processor time of the load.
  struct Spent {
    Spent() = default;
    explicit Spent(const StreamLoad& load)
        : reading(load.busy_seconds()), opening(load.opening_seconds()), turning(load.turning_seconds()) {}
    double reading = 0;
    double opening = 0;
    double turning = 0;
  };

  const Spent before_;
  const load::MachineTime machine_ = load::MachineTimeNow();
  const absl::Time start_ = absl::Now();
};

// By target, one for each round.
using Rounds = std::map<std::string, std::vector<Figures>>;
using Block = std::function<absl::StatusOr<Figures>(Target&)>;

// Weir and what the plan has beside it.
std::vector<std::unique_ptr<Target>> StartAll(const Plan& plan, const TargetOptions& options, Report& report);
// Runs the block on every target, in an order that changes from round to round. A target whose block fails is left out
// from then on, and the report says why, with `what` was measured; Weir's and the floors' may not fail.
Rounds Interleave(const Plan& plan, const std::vector<std::unique_ptr<Target>>& targets, const std::string& what,
                  const Block& block, Report& report);
// A target could not be measured: a fault of the run, unless it is a peer.
void FailOrLack(const Target& target, const std::string& why, Report& report);

absl::StatusOr<std::unique_ptr<StreamLoad>> OpenReaders(const Target& target, const Shape& shape,
                                                        decltype(StreamLoad::Options::on_event) on_event = nullptr);

// Publishes as long as no more than `window` deliveries are under way, round the topics, for `seconds` after a warm-up.
// Fails unless every reader had every event once and in order.
absl::StatusOr<Figures> Saturate(Target& target, const Shape& shape, size_t window, double seconds);
// Publishes on one topic at a fixed rate, whatever becomes of it. Latency counts from when an event was due.
absl::StatusOr<Figures> Trickle(Target& target, const Shape& shape, double events_per_second, double seconds);

// The median over the rounds of a target's figure; 0 without any.
double MedianOf(const Rounds& rounds, const std::string& target, double Figures::*figure);
// The median over the rounds of one target's figure divided by another's.
double MedianRatio(const Rounds& rounds, const std::string& target, const std::string& against,
                   double Figures::*figure);

// A row with every target's median.
Row RowOf(std::string figure, const Rounds& rounds, double Figures::*value, int decimals);
// A row with what each target's rounds had no more of.
Row LimitRow(std::string figure, const Rounds& rounds);
// The row's aim becomes Weir's ratio to that target, if it was measured.
void AimAgainst(Row& row, const Rounds& rounds, const std::string& against, double Figures::*value, double must,
                double reach, bool at_least);

// CPU time of several processes.
CpuTime CpuTimeOf(const std::vector<pid_t>& pids);
uint64_t PssBytesOf(const std::vector<pid_t>& pids);

}  // namespace weir::bench

#endif  // WEIR_TESTS_BENCH_MEASURE_H_
