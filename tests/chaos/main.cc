// weir-chaos: the robustness suite at length. `./dev chaos` runs it.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "tests/chaos/run.h"
#include "tests/chaos/summary.h"
#include "tests/support/sandbox.h"

namespace weir::chaos {
namespace {

struct Seeds {
  uint64_t first = 1;
  uint64_t last = 1;
};

// `7` or `1..10`.
std::optional<Seeds> ParseSeeds(const std::string& text) {
  const size_t dots = text.find("..");
  const auto number = [](std::string_view digits) -> std::optional<uint64_t> {
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc() && end == digits.data() + digits.size() ? std::optional(value) : std::nullopt;
  };
  const std::optional<uint64_t> first = number(std::string_view(text).substr(0, dots));
  const std::optional<uint64_t> last =
      dots == std::string::npos ? first : number(std::string_view(text).substr(dots + 2));
  if (!first || !last || *last < *first) {
    return std::nullopt;
  }
  return Seeds{*first, *last};
}

// Runs one seed; false when something was violated. Its directory is kept then.
bool RunSeed(RunOptions options, const std::string& keep, std::string& table) {
  options.dir = fmt::format("{}/seed-{}", keep, options.seed);
  std::filesystem::remove_all(options.dir);
  std::filesystem::create_directories(options.dir);
  const RunResult result = RunOnce(options);
  for (const auto& [name, why] : result.unavailable) {
    fmt::print(stderr, "not inflicted here: {}: {}\n", name, why);
  }
  fmt::print("{}\n", Summary(result));
  table += TableRow(result) + "\n";
  const bool good = result.violations.empty();
  for (const Violation& violation : result.violations) {
    fmt::print("VIOLATION of `{}` with seed {}: {}\n", violation.property, options.seed, violation.what);
  }
  std::fflush(stdout);
  if (good) {
    std::filesystem::remove_all(options.dir);
  } else {
    std::ofstream out(options.dir + "/history.txt");
    Write(result.history, out);
    fmt::print(stderr, "history and logs: {}\n", options.dir);
  }
  return good;
}

int Main(int argc, char** argv) {
  CLI::App app("Runs the real weir-server and weir-edge under faults and judges what publishers and readers saw.");
  std::string seeds = "1";
  double minutes = 1;
  std::string keep = fmt::format("{}/weir-chaos-{}", std::filesystem::temp_directory_path().string(), getpid());
  RunOptions options;
  app.add_option("--seeds,--seed", seeds, "One seed, `7`, or several, `1..10`")->capture_default_str();
  app.add_option("--minutes", minutes, "How long faults are inflicted, for each seed")->capture_default_str();
  app.add_option("--only", options.only, "Inflict only these faults")->delimiter(',');
  app.add_option("--keep", keep, "Where histories and logs of failed runs are kept")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const std::optional<Seeds> range = ParseSeeds(seeds);
  if (!range) {
    fmt::print(stderr, "--seeds: '{}' is neither a number nor a range like 1..10\n", seeds);
    return 2;
  }
  options.duration = absl::Minutes(minutes);
  std::string table = TableHead() + "\n";
  bool good = true;
  for (options.seed = range->first; options.seed <= range->last; ++options.seed) {
    good = RunSeed(options, keep, table) && good;
  }
  fmt::print("\n{}", table);
  return good ? 0 : 1;
}

}  // namespace
}  // namespace weir::chaos

int main(int argc, char** argv) {
  weir::testing::EnterSandbox();
  return weir::chaos::Main(argc, argv);
}
