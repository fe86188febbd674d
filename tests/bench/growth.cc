#include "tests/bench/growth.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "tests/bench/connections.h"
#include "tests/bench/measure.h"
#include "tests/bench/quantiles.h"
#include "tests/bench/weir_target.h"

namespace weir::bench {
namespace {

using Sizes = std::array<size_t, 3>;  // 1 ×, 10 ×, 100 ×
using Loads = std::vector<std::unique_ptr<StreamLoad>>;

constexpr Sizes kStreams = {160, 1'600, 16'000};  // often no process may have more than 20,000 files
constexpr Sizes kReaders = {100, 1'000, 10'000};
constexpr size_t kPayers = 64;       // streams that pay what is paid once
constexpr size_t kConnects = 1'000;  // that are timed
constexpr char kDeliveryFigure[] =
    "20,000 deliveries/s to 100, 1,000 and 10,000 readers of a topic: CPU per delivery, µs";
constexpr char kTopicFigure[] =
    "100, 1,000 and 10,000 topics of a reader each, 100 events under way: CPU per event, µs";
constexpr double kDeliveriesPerSecond = 20'000;
constexpr size_t kUnderWay = 100;  // events: of as many topics as there are at least, so that none are merged

// By size, one for each round.
class Costs {
 public:
  void Add(size_t size, double cost) { costs_[size].push_back(cost); }
  std::vector<double> Medians() const {
    std::vector<double> medians;
    for (const std::vector<double>& costs : costs_) {
      medians.push_back(Median(costs));
    }
    return medians;
  }

 private:
  std::array<std::vector<double>, std::tuple_size_v<Sizes>> costs_;
};

// A column for each size. Rates are shown for costs of 1 / rate.
Row RowOf(std::string figure, const Costs& costs, int decimals, bool as_rate = false) {
  Row row{.figure = std::move(figure), .values = {}};
  const char* column[] = {"1 ×", "10 ×", "100 ×"};
  const std::vector<double> medians = costs.Medians();
  for (size_t i = 0; i < medians.size(); ++i) {
    row.values.emplace_back(column[i], Thousands(as_rate ? 1 / medians[i] : medians[i], decimals));
  }
  return row;
}

Row FlatRow(std::string figure, const Costs& costs, int decimals, bool as_rate = false) {
  Row row = RowOf(std::move(figure), costs, decimals, as_rate);
  row.aim = Flat(costs.Medians());
  return row;
}

struct Cpu {
  Costs all;
  Costs user;

  absl::Status Add(size_t size, const absl::StatusOr<Figures>& figures) {
    if (figures.ok()) {
      all.Add(size, figures->cpu_us);
      user.Add(size, figures->user_us);
    }
    return figures.status();
  }
};

// The same work for the kernel and for nobody else: what it makes dearer, no server can make cheaper.
void AddAgainstFloor(const std::map<std::string, Cpu>& costs, const std::string& what, Report& report) {
  Row floor = RowOf(fmt::format("… {} of the floor, µs", what), costs.at("floor").all, 2);
  floor.aim = Flat(costs.at("floor").all.Medians());
  floor.aim->must = 0;
  report.Add(floor);
  std::vector<double> ratios = costs.at("weir").all.Medians();
  const std::vector<double> floors = costs.at("floor").all.Medians();
  std::transform(ratios.begin(), ratios.end(), floors.begin(), ratios.begin(), std::divides<>());
  report.Add(
      {.figure = fmt::format("… growth of what {} costs against the floor", what), .values = {}, .aim = Flat(ratios)});
}

// So that there are `total`.
absl::Status OpenUpTo(Target& target, size_t total, size_t& open, bool idle, Loads& loads) {
  auto load = idle ? OpenIdle(target, total - open, open) : OpenReaders(target, {.readers = total - open});
  if (load.ok()) {
    loads.push_back(*std::move(load));
    open = total;
  }
  return load.status();
}

// Of one process, all sizes one after the other: bytes for each stream beside the first few.
absl::Status MeasureMemory(Target& target, Costs& bytes) {
  Loads loads;
  size_t open = 0;
  absl::Status status = OpenUpTo(target, kPayers, open, true, loads);
  const uint64_t before = PssBytesOf(target.pids());
  for (size_t i = 0; i < kStreams.size() && status.ok(); ++i) {
    status = OpenUpTo(target, kPayers + kStreams[i], open, true, loads);
    bytes.Add(i, static_cast<double>(PssBytesOf(target.pids()) - before) / static_cast<double>(kStreams[i]));
  }
  return status;
}

// The same: seconds for each of a thousand that come when so many are there.
absl::Status MeasureConnects(Target& target, Costs& seconds) {
  Loads loads;
  size_t open = 0;
  absl::Status status;
  for (size_t i = 0; i < kStreams.size() && status.ok(); ++i) {
    status = OpenUpTo(target, kStreams[i], open, false, loads);
    if (status.ok()) {
      status = OpenUpTo(target, open + kConnects, open, false, loads);
      seconds.Add(i, loads.back()->connect_seconds() / kConnects);
    }
  }
  return status;
}

// As many deliveries a second, to more and more readers of one topic.
absl::Status MeasureDeliveries(Target& target, Cpu& cpu) {
  absl::Status status;
  for (size_t i = 0; i < kReaders.size() && status.ok(); ++i) {
    status = cpu.Add(i, Trickle(target, {.topics = 1, .readers = kReaders[i]},
                                kDeliveriesPerSecond / static_cast<double>(kReaders[i]), 2));
  }
  return status;
}

// As many events under way, of more and more topics.
absl::Status MeasureTopics(Target& target, Cpu& cpu) {
  absl::Status status;
  for (size_t i = 0; i < kReaders.size() && status.ok(); ++i) {
    status = cpu.Add(i, Saturate(target, {.topics = kReaders[i], .readers = kReaders[i]}, kUnderWay, 1));
  }
  return status;
}

void Growth(const Plan& plan, Report& report) {
  Plan only = plan;
  only.targets = {"floor"};
  Costs bytes;
  Costs connects;
  std::map<std::string, Cpu> deliveries;
  std::map<std::string, Cpu> topics;
  for (size_t round = 0; round < plan.rounds; ++round) {
    for (const bool memory : {true, false}) {
      const std::unique_ptr<WeirTarget> weir = WeirTarget::Start();
      if (weir == nullptr) {
        return report.Fail("the edge did not become ready");
      }
      const absl::Status status = memory ? MeasureMemory(*weir, bytes) : MeasureConnects(*weir, connects);
      if (!status.ok()) {
        return FailOrLack(*weir, std::string(Message(status)), report);
      }
    }
    for (const auto& target : StartAll(only, {}, report)) {
      absl::Status status = MeasureDeliveries(*target, deliveries[target->name()]);
      status.Update(MeasureTopics(*target, topics[target->name()]));
      if (!status.ok()) {
        return FailOrLack(*target, std::string(Message(status)), report);
      }
    }
  }
  report.Add(FlatRow("160, 1,600 and 16,000 idle streams with tokens: user memory of each, bytes", bytes, 0));
  report.Add(FlatRow("a thousand more when 160, 1,600 and 16,000 are there: connects/s", connects, 0, true));
  report.Add(FlatRow(kDeliveryFigure, deliveries["weir"].all, 2));
  report.Add(RowOf("… of a delivery in user mode, µs", deliveries["weir"].user, 3));
  AddAgainstFloor(deliveries, "a delivery", report);
  report.Add(FlatRow(kTopicFigure, topics["weir"].all, 2));
  report.Add(RowOf("… of an event in user mode, µs", topics["weir"].user, 2));
  AddAgainstFloor(topics, "an event", report);
}

}  // namespace

Mode GrowthMode() {
  return {.name = "growth", .what = "what each costs among ten and a hundred times as many", .run = Growth};
}

}  // namespace weir::bench
