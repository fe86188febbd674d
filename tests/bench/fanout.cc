// Fan-out: saturated, at a fixed rate, and with a topic for each reader.
#include "tests/bench/fanout.h"

#include <fmt/format.h>

#include "tests/bench/measure.h"

namespace weir::bench {
namespace {

// Deliveries under way when a target is saturated: so many events of each reader's topic that a commit of the log is
// hidden; nchan keeps 256 messages of a topic and no more.
size_t WindowOf(const Shape& shape) { return shape.readers * (shape.topics == 1 ? 128 : 16); }

std::string NameOf(const Shape& shape) {
  return shape.topics == 1 ? fmt::format("1 topic × {} readers", Thousands(static_cast<double>(shape.readers), 0))
                           : fmt::format("{} topics × {} readers", Thousands(static_cast<double>(shape.topics), 0),
                                         shape.readers / shape.topics);
}

std::string RateFigure(const Shape& shape) { return NameOf(shape) + ", saturated: deliveries/s"; }
std::string AgainstNchan(const Shape& shape) { return "… " + NameOf(shape) + ", against nchan"; }

constexpr Shape kOneTopic{.topics = 1, .readers = 1'000};
constexpr char kTrickleFigure[] = "20 events/s × 1,000 readers: CPU per delivery, µs";
constexpr char kReceiptFigure[] = "… latency p99 from the edge's receipt, ms";
constexpr char kPrivateFigure[] = "10,000 readers with a topic each, 2,000 events under way: events/s";
constexpr char kWebSocketFigure[] = "WebSocket, 20 events/s × 1,000 readers: CPU per delivery, µs";

void Saturated(const Plan& plan, const Shape& shape, Report& report) {
  const auto targets = StartAll(plan, {}, report);
  const double seconds = plan.quick ? 1.5 : 3;
  const Rounds rounds = Interleave(
      plan, targets, NameOf(shape), [&](Target& target) { return Saturate(target, shape, WindowOf(shape), seconds); },
      report);
  Row rate = RowOf(RateFigure(shape), rounds, &Figures::rate, 0);
  AimAgainst(rate, rounds, "floor+", &Figures::rate, 0.9, 1.0, true);
  report.Add(rate);
  Row against_nchan{.figure = AgainstNchan(shape), .values = {}};
  AimAgainst(against_nchan, rounds, "nchan", &Figures::rate, 4, 5, true);
  if (against_nchan.aim) {
    report.Add(against_nchan);
  }
  report.Add(RowOf("… " + NameOf(shape) + ", CPU per delivery, µs", rounds, &Figures::cpu_us, 2));
  Row user = RowOf("… " + NameOf(shape) + ", of it in user mode, µs", rounds, &Figures::user_us, 3);
  user.aim = Aim{.measured = MedianOf(rounds, "weir", &Figures::user_us),
                 .unit = "µs",
                 .must = 0.3,
                 .reach = 0.1,
                 .at_least = false};
  report.Add(user);
  report.Add(LimitRow("… " + NameOf(shape) + ", what there was no more of", rounds));
}

void Fanout(const Plan& plan, Report& report) {
  Saturated(plan, kOneTopic, report);
  if (!plan.quick) {
    Saturated(plan, {.topics = 1, .readers = 10'000}, report);
    Saturated(plan, {.topics = 1'000, .readers = 10'000}, report);
  }
}

constexpr double kEventsPerSecond = 20;

void Rate(const Plan& plan, Report& report) {
  const Shape shape = kOneTopic;
  const double seconds = plan.quick ? 3 : 6;
  const auto targets = StartAll(plan, {}, report);
  const Rounds rounds = Interleave(
      plan, targets, "20 events/s", [&](Target& target) { return Trickle(target, shape, kEventsPerSecond, seconds); },
      report);
  Row cpu = RowOf(kTrickleFigure, rounds, &Figures::cpu_us, 2);
  AimAgainst(cpu, rounds, "floor", &Figures::cpu_us, 1.1, 1.0, false);
  report.Add(cpu);
  report.Add(RowOf("… of it in user mode, µs", rounds, &Figures::user_us, 3));
  report.Add(RowOf("… latency p50 from the edge's receipt, ms", rounds, &Figures::receipt_p50_ms, 2));
  Row p99 = RowOf(kReceiptFigure, rounds, &Figures::receipt_p99_ms, 2);
  AimAgainst(p99, rounds, "floor+", &Figures::receipt_p99_ms, 1.2, 1.05, false);
  report.Add(p99);
  report.Add(RowOf("… latency p50 from publishing, ms", rounds, &Figures::p50_ms, 2));
  report.Add(RowOf("… latency p99 from publishing, ms", rounds, &Figures::p99_ms, 2));
}

void Private(const Plan& plan, Report& report) {
  const Shape shape{.topics = 10'000, .readers = 10'000};
  constexpr size_t kUnderWay = 2'000;
  const auto targets = StartAll(plan, {}, report);
  const Rounds rounds = Interleave(
      plan, targets, "a topic each",
      [&](Target& target) { return Saturate(target, shape, kUnderWay, plan.quick ? 2 : 4); }, report);
  Row rate = RowOf(kPrivateFigure, rounds, &Figures::rate, 0);
  AimAgainst(rate, rounds, "floor", &Figures::rate, 0.7, 0.9, true);
  report.Add(rate);
  report.Add(RowOf("… CPU per event, µs", rounds, &Figures::cpu_us, 2));
  report.Add(LimitRow("… what there was no more of", rounds));
}

void OverWebSocket(const Plan& plan, Report& report) {
  Plan alone = plan;
  alone.targets = {"none"};
  const auto targets = StartAll(alone, {}, report);
  Rounds both;
  for (size_t round = 0; round < plan.rounds; ++round) {
    for (const bool web_socket : {round % 2 == 0, round % 2 != 0}) {
      alone.rounds = 1;
      const Shape shape{.topics = 1, .readers = 1'000, .web_socket = web_socket};
      Rounds one = Interleave(
          alone, targets, "20 events/s", [&](Target& target) { return Trickle(target, shape, kEventsPerSecond, 5); },
          report);
      if (one["weir"].empty()) {
        return;
      }
      both[web_socket ? "WebSocket" : "weir"].push_back(one["weir"].front());
    }
  }
  Row row{.figure = kWebSocketFigure,
          .values = {{"weir", Thousands(MedianOf(both, "WebSocket", &Figures::cpu_us), 2)},
                     {"weir over SSE", Thousands(MedianOf(both, "weir", &Figures::cpu_us), 2)}}};
  row.aim = Aim{.measured = MedianRatio(both, "WebSocket", "weir", &Figures::cpu_us),
                .unit = "× SSE",
                .must = 1.2,
                .reach = 1.0,
                .at_least = false};
  report.Add(row);
}

}  // namespace

std::vector<Mode> FanoutModes() {
  return {
      {.name = "fanout",
       .what = "one topic or many, many readers, saturated",
       .quick = true,
       .run = Fanout,
       .ratios = {{RateFigure(kOneTopic), "floor+"}, {AgainstNchan(kOneTopic), "nchan"}}},
      {.name = "rate",
       .what = "one topic, 1,000 readers, 20 events/s",
       .quick = true,
       .run = Rate,
       .ratios = {{kTrickleFigure, "floor"}, {kReceiptFigure, "floor+"}}},
      {.name = "private",
       .what = "10,000 readers with a topic each",
       .quick = true,
       .run = Private,
       .ratios = {{kPrivateFigure, "floor"}}},
      {.name = "websocket",
       .what = "deliveries over WebSocket against SSE",
       .run = OverWebSocket,
       .ratios = {{kWebSocketFigure, "SSE"}}},
  };
}

}  // namespace weir::bench
