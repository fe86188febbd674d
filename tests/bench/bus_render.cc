#include "tests/bench/bus_render.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/bench/quantiles.h"
#include "tests/support/process.h"

namespace weir::bench {

void MeasureRender(const Plan& plan, Report& report) {
  const testing::CommandResult run =
      testing::RunCommand({testing::BinaryPath("render_benchmark"), "--benchmark_filter=/text$",
                           fmt::format("--benchmark_repetitions={}", plan.rounds), "--benchmark_format=json"});
  std::map<std::string, std::vector<double>> nanos;
  const nlohmann::json result = nlohmann::json::parse(run.out, nullptr, /*allow_exceptions=*/false);
  if (run.exit_code != 0 || !result.is_object()) {
    return report.Fail(fmt::format("render_benchmark: {}", run.err));
  }
  for (const nlohmann::json& each : result.value("benchmarks", nlohmann::json::array())) {
    if (each.value("run_type", "") == "iteration" && !each.contains("error_occurred")) {
      nanos[each.value("run_name", "")].push_back(each.value("cpu_time", 0.0));
    }
  }
  std::vector<double>& ours = nanos["Frame/text"];
  std::vector<double>& library = nanos["Library/text"];
  if (ours.empty() || library.empty()) {
    return report.Fail("render_benchmark does not measure the notification any more");
  }
  const double micros = Percentile(ours, 0.5) / 1e3;
  report.Add({.figure = "wire → JSON, the notification, framed for SSE",
              .values = {{"weir", fmt::format("{:.2f} µs", micros)},
                         {"protobuf's printer", fmt::format("{:.2f} µs", Percentile(library, 0.5) / 1e3)}},
              .aim = Aim{.measured = micros, .unit = "µs", .must = 1, .reach = 0.5, .at_least = false}});
}

}  // namespace weir::bench
