#include "tests/bench/measure.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <random>
#include <set>
#include <utility>

#include "absl/time/clock.h"
#include "base/event_view.h"
#include "base/text.h"
#include "tests/bench/quantiles.h"
#include "tests/bench/weir_target.h"

namespace weir::bench {
namespace {

constexpr double kWarmUpSeconds = 0.3;

// What was spent between two looks.
class Spent {
 public:
  Spent(const Target& target, const StreamLoad& load)
      : pids_(target.pids()),
        load_(load),
        cpu_(CpuTimeOf(pids_)),
        limit_(load),
        delivered_(load.delivered()),
        start_(absl::Now()) {}

  Figures Look() const {
    const double seconds = absl::ToDoubleSeconds(absl::Now() - start_);
    const auto deliveries = static_cast<double>(load_.delivered() - delivered_);
    const CpuTime cpu = CpuTimeOf(pids_);
    Figures figures;
    figures.rate = deliveries / seconds;
    figures.user_us = (cpu.user_seconds - cpu_.user_seconds) * 1e6 / deliveries;
    figures.cpu_us = (cpu.seconds - cpu_.seconds) * 1e6 / deliveries;
    figures.limit = limit_.Look(load_);
    return figures;
  }

 private:
  const std::vector<pid_t> pids_;
  const StreamLoad& load_;
  const CpuTime cpu_;
  const LimitWatch limit_;
  const uint64_t delivered_;
  const absl::Time start_;
};

// Everything that was published has come, once and in order.
absl::Status CheckAll(StreamLoad& load, uint64_t expected) {
  const bool all = load.WaitDelivered(expected);
  load.Pause();
  if (all && load.delivered() == expected && load.disordered() == 0 && load.missing() == 0) {
    return absl::OkStatus();
  }
  return absl::DataLossError(fmt::format("{} of {} deliveries, {} out of order, {} missing, {} streams ended",
                                         load.delivered(), expected, load.disordered(), load.missing(), load.ended()));
}

absl::Status Stuck(StreamLoad& load, uint64_t expected) {
  const absl::Status status = CheckAll(load, expected);
  return status.ok() ? absl::DeadlineExceededError("nothing came for ten seconds") : status;
}

// When a subscriber over gRPC has each event of a topic; for targets that are not Weir, never.
class Receipts {
 public:
  Receipts(Target& target, uint64_t first, size_t count) : first_(first), at_(count) {
    auto* const weir = dynamic_cast<WeirTarget*>(&target);
    if (weir == nullptr) {
      return;
    }
    SubscriberOptions options;
    options.filters = {WeirTarget::TopicOf(0)};
    SubscriberCallbacks callbacks;
    callbacks.on_started = [this](const v1::SubscriptionStarted&) { started_.store(true); };
    callbacks.on_batch_bytes = [this](const std::shared_ptr<const std::string>& batch) {
      const int64_t now = absl::GetCurrentTimeNanos();
      ForEachEvent(*batch, [&](std::string_view, std::string_view) {
        if (next_ < at_.size()) {
          at_[next_++].store(now);
        }
        return true;
      });
      return absl::OkStatus();
    };
    subscriber_.emplace(weir->client(), options, callbacks);
    testing::WaitUntil([this] { return started_.load(); });
  }

  // 0: not known.
  int64_t At(uint64_t sequence) const { return at_[sequence - first_].load(); }

 private:
  const uint64_t first_;
  size_t next_ = 0;  // of the callbacks
  std::vector<std::atomic<int64_t>> at_;
  std::atomic<bool> started_{false};
  std::optional<Subscriber> subscriber_;
};

struct Delivery {
  uint64_t sequence;
  int64_t nanos;
};

}  // namespace

std::string LimitWatch::Look(const StreamLoad& load) const {
  const Spent now(load);
  load::MachineTime machine = load::MachineTimeNow();
  machine.idle += (now.turning - before_.turning) * static_cast<double>(sysconf(_SC_CLK_TCK));
  const double busy = std::max(now.reading - before_.reading, now.opening - before_.opening);
  return load::LimitOf(busy / absl::ToDoubleSeconds(absl::Now() - start_), machine_, machine).value_or("target");
}

CpuTime CpuTimeOf(const std::vector<pid_t>& pids) {
  CpuTime sum;
  for (const pid_t pid : pids) {
    const CpuTime time = CpuTimeOf(pid);
    sum.seconds += time.seconds;
    sum.user_seconds += time.user_seconds;
  }
  return sum;
}

uint64_t PssBytesOf(const std::vector<pid_t>& pids) {
  uint64_t sum = 0;
  for (const pid_t pid : pids) {
    sum += PssBytesOf(pid);
  }
  return sum;
}

std::vector<std::unique_ptr<Target>> StartAll(const Plan& plan, const TargetOptions& options, Report& report) {
  std::vector<std::unique_ptr<Target>> targets;
  if (std::unique_ptr<Target> weir = WeirTarget::Start(options); weir != nullptr) {
    targets.push_back(std::move(weir));
  } else {
    report.Fail("the edge did not become ready");
  }
  for (std::unique_ptr<Target>& other : StartOthers(plan, options, report)) {
    targets.push_back(std::move(other));
  }
  return targets;
}

void FailOrLack(const Target& target, const std::string& why, Report& report) {
  if (target.peer()) {
    report.Lacks(target.name(), why);
  } else {
    report.Fail(fmt::format("{}: {}", target.name(), why));
  }
}

Rounds Interleave(const Plan& plan, const std::vector<std::unique_ptr<Target>>& targets, const std::string& what,
                  const Block& block, Report& report) {
  static std::mt19937 random(std::random_device{}());
  Rounds rounds;
  std::set<std::string> failed;
  std::vector<Target*> order;
  for (const auto& target : targets) {
    order.push_back(target.get());
  }
  for (size_t round = 0; round < plan.rounds; ++round) {
    std::shuffle(order.begin(), order.end(), random);
    for (Target* const target : order) {
      if (failed.contains(target->name())) {
        continue;
      }
      const absl::StatusOr<Figures> figures = block(*target);
      if (figures.ok()) {
        rounds[target->name()].push_back(*figures);
        continue;
      }
      failed.insert(target->name());
      rounds.erase(target->name());
      FailOrLack(*target, fmt::format("{}: {}", what, Message(figures.status())), report);
    }
  }
  return rounds;
}

absl::StatusOr<std::unique_ptr<StreamLoad>> OpenReaders(const Target& target, const Shape& shape,
                                                        decltype(StreamLoad::Options::on_event) on_event) {
  return StreamLoad::Open({.port = target.port(),
                           .count = shape.readers,
                           .web_socket = shape.web_socket,
                           .tls = target.tls(),
                           .under_way_max = target.under_way_max(),
                           .request =
                               [&target, topics = shape.topics](size_t reader) {
                                 return StreamRequest{target.PathOf(reader % topics), ""};
                               },
                           .begins_with = target.begins_with(),
                           .on_event = std::move(on_event)});
}

absl::StatusOr<Figures> Saturate(Target& target, const Shape& shape, size_t window, double seconds) {
  absl::StatusOr<std::unique_ptr<StreamLoad>> load = OpenReaders(target, shape);
  if (!load.ok()) {
    return load.status();
  }
  const uint64_t fan = shape.readers / shape.topics;
  const uint64_t quantum = std::max<uint64_t>(fan, window / 16);
  uint64_t expected = 0;
  size_t topic = 0;
  // False when nothing moves any more.
  const auto publish = [&](double for_seconds) {
    const absl::Time end = absl::Now() + absl::Seconds(for_seconds);
    while (absl::Now() < end) {
      const uint64_t delivered = (*load)->delivered();
      for (; expected + fan <= delivered + window; expected += fan) {
        target.Publish(topic);
        topic = (topic + 1) % shape.topics;
      }
      target.Flush();
      if (!(*load)->WaitDelivered(std::min(delivered + quantum, expected))) {
        return false;
      }
    }
    return true;
  };
  if (!publish(kWarmUpSeconds)) {
    return Stuck(**load, expected);
  }
  const Spent spent(target, **load);
  if (!publish(seconds)) {
    return Stuck(**load, expected);
  }
  const Figures figures = spent.Look();
  if (absl::Status status = CheckAll(**load, expected); !status.ok()) {
    return status;
  }
  return figures;
}

absl::StatusOr<Figures> Trickle(Target& target, const Shape& shape, double events_per_second, double seconds) {
  const auto events = static_cast<size_t>(events_per_second * seconds);
  std::vector<Delivery> deliveries;
  deliveries.reserve(events * shape.readers);
  absl::StatusOr<std::unique_ptr<StreamLoad>> load =
      OpenReaders(target, shape, [&](size_t, uint64_t sequence, int64_t nanos) {
        deliveries.push_back({sequence, nanos});
      });
  if (!load.ok()) {
    return load.status();
  }
  // When each event was due: who takes an event late, and so holds up the next, is not let off.
  std::vector<int64_t> due_at;
  std::vector<int64_t> sent_at;
  std::optional<Receipts> receipts;
  std::optional<Spent> spent;
  uint64_t first = 0;
  absl::Time due = absl::Now();
  for (size_t i = 0; i < events; ++i) {
    if (i == 0) {  // one event before: what is done once is done
      first = target.Publish(0) + 1;
      target.Flush();
      if (!(*load)->WaitDelivered(shape.readers)) {
        return Stuck(**load, shape.readers);
      }
      receipts.emplace(target, first, events);
      spent.emplace(target, **load);
      due = absl::Now();
    }
    absl::SleepFor(due - absl::Now());
    due_at.push_back(absl::ToUnixNanos(due));
    sent_at.push_back(absl::GetCurrentTimeNanos());
    target.Publish(0);
    target.Flush();
    due += absl::Seconds(1 / events_per_second);
  }
  absl::SleepFor(due - absl::Now());
  Figures figures = spent->Look();
  if (absl::Status status = CheckAll(**load, (events + 1) * shape.readers); !status.ok()) {
    return status;
  }
  figures.cipher = (*load)->cipher();
  std::vector<double> millis;
  std::vector<double> since_receipt;
  for (const Delivery& delivery : deliveries) {
    if (delivery.sequence >= first) {
      const int64_t receipt = receipts->At(delivery.sequence);
      const size_t event = delivery.sequence - first;
      millis.push_back(static_cast<double>(delivery.nanos - due_at[event]) / 1e6);
      since_receipt.push_back(static_cast<double>(delivery.nanos - (receipt == 0 ? sent_at[event] : receipt)) / 1e6);
    }
  }
  figures.p50_ms = Percentile(millis, 0.5);
  figures.p99_ms = Percentile(millis, 0.99);
  figures.receipt_p50_ms = Percentile(since_receipt, 0.5);
  figures.receipt_p99_ms = Percentile(since_receipt, 0.99);
  return figures;
}

double MedianOf(const Rounds& rounds, const std::string& target, double Figures::*figure) {
  std::vector<double> values;
  if (const auto it = rounds.find(target); it != rounds.end()) {
    for (const Figures& figures : it->second) {
      values.push_back(figures.*figure);
    }
  }
  return Median(std::move(values));
}

double MedianRatio(const Rounds& rounds, const std::string& target, const std::string& against,
                   double Figures::*figure) {
  const auto ours = rounds.find(target);
  const auto theirs = rounds.find(against);
  if (ours == rounds.end() || theirs == rounds.end()) {
    return 0;
  }
  std::vector<double> ratios;
  for (size_t i = 0; i < std::min(ours->second.size(), theirs->second.size()); ++i) {
    ratios.push_back(ours->second[i].*figure / (theirs->second[i].*figure));
  }
  return Median(std::move(ratios));
}

Row RowOf(std::string figure, const Rounds& rounds, double Figures::*value, int decimals) {
  Row row{.figure = std::move(figure), .values = {}};
  for (const char* const target : kTargets) {
    if (rounds.contains(target)) {
      row.values.emplace_back(target, Thousands(MedianOf(rounds, target, value), decimals));
    }
  }
  return row;
}

Row LimitRow(std::string figure, const Rounds& rounds) {
  Row row{.figure = std::move(figure), .values = {}};
  for (const char* const target : kTargets) {
    if (const auto it = rounds.find(target); it != rounds.end()) {
      std::vector<std::string> limits;
      for (const Figures& figures : it->second) {
        limits.push_back(figures.limit);
      }
      row.values.emplace_back(target, Tally(limits));
    }
  }
  return row;
}

void AimAgainst(Row& row, const Rounds& rounds, const std::string& against, double Figures::*value, double must,
                double reach, bool at_least) {
  if (const double ratio = MedianRatio(rounds, "weir", against, value); ratio > 0) {
    row.aim = Aim{.measured = ratio, .unit = "× " + against, .must = must, .reach = reach, .at_least = at_least};
  }
}

}  // namespace weir::bench
