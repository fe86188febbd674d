// weir-bench: measures the real binaries on this machine, and others beside them. See docs/benchmarks.md.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "tests/bench/mode.h"
#include "tests/bench/proc_stats.h"
#include "tests/bench/report.h"
#include "tests/support/process.h"

namespace weir::bench {
namespace {

std::string Machine() {
  return fmt::format("{}. {}.", MachineName(), absl::FormatTime("%Y-%m-%d", absl::Now(), absl::UTCTimeZone()));
}

// Puts the mode's table into the document.
void Write(const std::string& path, const Mode& mode, Report& report) {
  const std::string section = fmt::format("{} `./dev bench --mode {}`\n\n{}", Machine(), mode.name, report.Table());
  const std::optional<std::string> text = ReplaceSection(testing::ReadFile(path), mode.name, section);
  if (!text) {
    return report.Fail(fmt::format("{} has no section <!-- bench {} -->", path, mode.name));
  }
  testing::WriteFile(path, *text);
}

void Compare(const std::string& path, const Mode& mode, Report& report) {
  const std::string text = testing::ReadFile(path);
  for (const std::string& worse : report.WorseThan(SectionOf(text, mode.name).value_or(""))) {
    report.Fail(worse);
  }
}

// Whether all went well.
bool RunMode(const Mode& mode, const Plan& plan, const std::string& write, const std::string& compare) {
  fmt::print(stderr, "\n{}: {}\n", mode.name, mode.what);
  Report report;
  mode.run(plan, report);
  fmt::print("{}\n\n{}\n", mode.name, report.Table());
  if (!write.empty() && !report.failed()) {
    Write(write, mode, report);
  }
  if (!compare.empty()) {
    Compare(compare, mode, report);
  }
  return !report.failed();
}

int Main(int argc, char** argv) {
  std::vector<Mode> modes = EdgeModes();
  for (Mode& mode : BusModes()) {
    modes.push_back(std::move(mode));
  }
  std::vector<std::string> names;
  std::string list;
  for (const Mode& mode : modes) {
    names.push_back(mode.name);
    list += fmt::format("  {:<12} {}{}\n", mode.name, mode.what, mode.quick ? " (also --quick)" : "");
  }
  CLI::App app(
      "Examples:\n  weir-bench                     every mode\n  weir-bench --mode fanout --rounds 1\n\n"
      "Measures weir-server and weir-edge of the same build on this machine, others beside them where they are\n"
      "installed, checks every delivery, and prints Markdown tables. Load, server and edge share the machine: compare\n"
      "ratios of one run.\n\nModes:\n" +
      list);
  Plan plan;
  std::string write;
  std::string compare;
  std::vector<std::string> wanted;
  app.add_option("--mode", wanted, "What to measure")->check(CLI::IsMember(names));
  app.add_option("--rounds", plan.rounds, "How often each figure is taken; the median counts")
      ->check(CLI::Range(1, 99))
      ->capture_default_str();
  app.add_option("--target", plan.targets, "What to measure besides weir: floor, floor+, nchan, pushpin");
  app.add_flag("--quick", plan.quick, "The main ratios, in less time");
  app.add_option("--write", write, "Put the tables into this document");
  app.add_option("--compare", compare, "Fail when a ratio is more than 15 % worse than this document records");
  for (const Mode& mode : modes) {
    if (mode.options) {
      mode.options(app);
    }
  }
  app.name("weir-bench");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }

  load::RaiseFileLimit();
  bool good = true;
  for (const Mode& mode : modes) {
    const bool asked = std::find(wanted.begin(), wanted.end(), mode.name) != wanted.end();
    if (asked || (wanted.empty() && (!plan.quick || mode.quick))) {
      good = RunMode(mode, plan, write, compare) && good;
    }
  }
  fmt::print("{}\n", Machine());
  return good ? 0 : 1;
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  return weir::bench::Main(argc, argv);
}
