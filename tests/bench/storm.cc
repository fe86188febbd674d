#include "tests/bench/storm.h"

#include <fmt/format.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "tests/bench/measure.h"
#include "tests/bench/weir_target.h"

namespace weir::bench {
namespace {

constexpr size_t kReaders = 5'000;
constexpr size_t kMissed = 50;
constexpr char kRatioFigure[] = "… against the floor";

// Weir's readers have a token each, signed with ES256; those of the others have none.
std::vector<StreamRequest> RequestsFor(Target& target) {
  auto* const weir = dynamic_cast<WeirTarget*>(&target);
  std::vector<StreamRequest> requests;
  for (size_t i = 0; i < kReaders; ++i) {
    requests.push_back(weir == nullptr ? StreamRequest{target.PathOf(0), ""}
                                       : StreamRequest{WeirTarget::PrivatePathOf(0),
                                                       fmt::format("Authorization: Bearer {}\r\n",
                                                                   weir->TokenOf(fmt::format("reader-{}", i)))});
  }
  return requests;
}

// The rate is that of seconds until all have caught up. `meanwhile` runs while they are away, after the events were
// published.
absl::StatusOr<Figures> Storm(Target& target, const std::function<bool()>& meanwhile) {
  const std::vector<StreamRequest> requests = RequestsFor(target);
  auto load = StreamLoad::Open({.port = target.port(),
                                .count = kReaders,
                                .request = [&](size_t reader) { return requests[reader]; },
                                .begins_with = target.begins_with()});
  if (!load.ok()) {
    return load.status();
  }
  // Everyone has a place to come back to.
  uint64_t head = target.Publish(0);
  target.Flush();
  if (!(*load)->WaitDelivered(kReaders)) {
    return absl::DeadlineExceededError("the first event did not reach everyone");
  }
  (*load)->Cut();
  for (size_t i = 0; i < kMissed; ++i) {
    head = target.Publish(0);
  }
  target.Flush();
  if (!meanwhile()) {
    return absl::DeadlineExceededError("it did not become ready again");
  }
  const LimitWatch limit(**load);
  const absl::Time start = absl::Now();
  if (absl::Status status = (*load)->Return(head); !status.ok()) {
    return status;
  }
  const bool all = (*load)->WaitReached();
  Figures figures;
  figures.rate = absl::ToDoubleSeconds(absl::Now() - start);
  figures.limit = limit.Look(**load);
  (*load)->Pause();
  if (!all || (*load)->missing() > 0 || (*load)->disordered() > 0) {
    return absl::DataLossError(fmt::format("{} of {} caught up, {} events missing, {} out of order", (*load)->reached(),
                                           kReaders, (*load)->missing(), (*load)->disordered()));
  }
  return figures;
}

// Until the server has seen that they are gone and has what was published.
bool Settled(Target& target) {
  auto* const weir = dynamic_cast<WeirTarget*>(&target);
  if (weir == nullptr) {
    absl::SleepFor(absl::Milliseconds(500));
    return true;
  }
  const uint16_t port = weir->system().edge_admin_port();
  return testing::WaitUntil([&] { return testing::System::Metric(port, "sse_connections_total") == 0; });
}

bool Restarted(WeirTarget& weir) {
  weir.system().edge().Kill();
  weir.system().StartEdge();
  return weir.system().WaitReady();
}

void MeasureStorm(const Plan& plan, Report& report) {
  const auto targets = StartAll(plan, {.kept_events = 256}, report);
  const Rounds cut = Interleave(
      plan, targets, "storm", [&](Target& target) { return Storm(target, [&] { return Settled(target); }); }, report);
  Row row = RowOf("storm: 5,000 return at once (Weir's with ES256 tokens), 50 events missed: all caught up after, s",
                  cut, &Figures::rate, 2);
  row.aim =
      Aim{.measured = MedianOf(cut, "weir", &Figures::rate), .unit = "s", .must = 1, .reach = 0, .at_least = false};
  report.Add(row);
  Row ratio{.figure = kRatioFigure, .values = {}};
  AimAgainst(ratio, cut, "floor", &Figures::rate, 2, 0, false);
  if (ratio.aim) {
    report.Add(ratio);
  }
  report.Add(LimitRow("… what there was no more of", cut));
  if (plan.quick || targets.empty()) {
    return;
  }
  std::vector<std::unique_ptr<Target>> alone;
  alone.push_back(WeirTarget::Start());
  const Rounds restarted = Interleave(
      plan, alone, "storm after a restart",
      [&](Target& target) { return Storm(target, [&] { return Restarted(dynamic_cast<WeirTarget&>(target)); }); },
      report);
  report.Add(RowOf("… their edge was killed and started again", restarted, &Figures::rate, 2));
}

}  // namespace

Mode StormMode() {
  return {.name = "storm",
          .what = "5,000 readers come back at once",
          .quick = true,
          .run = MeasureStorm,
          .ratios = {{kRatioFigure, "floor"}}};
}

}  // namespace weir::bench
