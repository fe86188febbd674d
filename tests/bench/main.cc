// weir-bench: measures the real binaries on this machine, and others beside them. See docs/benchmarks.md.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <string>
#include <system_error>
#include <vector>

#include "absl/time/clock.h"
#include "tests/bench/mode.h"
#include "tests/bench/proc_stats.h"
#include "tests/bench/report.h"
#include "tests/bench/target.h"
#include "tests/bench/versions.h"
#include "tests/support/process.h"

namespace weir::bench {
namespace {

constexpr absl::Duration kQuick = absl::Minutes(3);

// What the figures depend on: where, of what, when.
std::string Circumstances(const Report& report, const std::string& commit) {
  return fmt::format("{}. {}. {}.", MachineName(), VersionsOf(report.Targets(), commit),
                     absl::FormatTime("%Y-%m-%d", absl::Now(), absl::UTCTimeZone()));
}

// Puts the mode's table into the document.
void Write(const std::string& path, const Mode& mode, const std::string& circumstances, Report& report) {
  const std::string section = fmt::format("{} `./dev bench --mode {}`\n\n{}", circumstances, mode.name, report.Table());
  const std::optional<std::string> text = ReplaceSection(testing::ReadFile(path), mode.name, section);
  if (!text) {
    return report.Fail(fmt::format("{} has no section <!-- bench {} -->", path, mode.name));
  }
  testing::WriteFile(path, *text);
}

bool Contains(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// The mode's ratios, but for those against targets that were not asked for.
std::vector<Ratio> RatiosOf(const Mode& mode, const Plan& plan) {
  std::vector<Ratio> ratios;
  for (const Ratio& ratio : mode.ratios) {
    const bool target = std::find(kTargets.begin(), kTargets.end(), ratio.against) != kTargets.end();
    if (!target || plan.targets.empty() || Contains(plan.targets, ratio.against)) {
      ratios.push_back(ratio);
    }
  }
  return ratios;
}

void Compare(const std::string& path, const Mode& mode, const Plan& plan, Report& report) {
  const std::string text = testing::ReadFile(path);
  const Comparison comparison = report.Compare(RatiosOf(mode, plan), SectionOf(text, mode.name).value_or(""), path);
  for (const std::string& skipped : comparison.skipped) {
    fmt::print(stderr, "weir-bench: skipped {}\n", skipped);
  }
  for (const std::string& fault : comparison.faults) {
    report.Fail(fault);
  }
}

// In less time: those alone that the mode's ratios are against.
Plan QuickPlan(const Mode& mode, Plan plan) {
  if (plan.quick && plan.targets.empty()) {
    plan.targets = {"weir"};
    for (const Ratio& ratio : mode.ratios) {
      plan.targets.push_back(ratio.against);
    }
  }
  return plan;
}

// What is done with the tables.
struct Use {
  std::string write;    // document to put them into; or empty
  std::string compare;  // document to compare them with; or empty
  std::string commit;   // of the build; or empty
};

// Whether all went well.
bool RunMode(const Mode& mode, const Plan& plan, const Use& use) {
  fmt::print(stderr, "\n{}: {}\n", mode.name, mode.what);
  Report report;
  mode.run(QuickPlan(mode, plan), report);
  const std::string circumstances = Circumstances(report, use.commit);
  fmt::print("{}\n\n{}\n{}\n\n", mode.name, report.Table(), circumstances);
  if (!use.write.empty() && !report.failed()) {
    Write(use.write, mode, circumstances, report);
  }
  if (!use.compare.empty()) {
    Compare(use.compare, mode, plan, report);
  }
  return !report.failed();
}

// What is measured stands beside weir-bench.
bool ProgramsAreThere() {
  bool there = true;
  for (const char* const name : {"weir-server", "weir-edge", "weir-floor", "weir-sync-floor"}) {
    const std::string path = testing::BinaryPath(name);
    if (access(path.c_str(), X_OK) != 0) {
      fmt::print(stderr, "weir-bench: cannot start {}: {}\n", path, std::generic_category().message(errno));
      there = false;
    }
  }
  return there;
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
  Use use;
  std::vector<std::string> wanted;
  app.add_option("--mode", wanted, "What to measure")->check(CLI::IsMember(names));
  app.add_option("--rounds", plan.rounds, "How often each figure is taken; the median counts")
      ->check(CLI::Range(1, 99))
      ->capture_default_str();
  app.add_option("--target", plan.targets, "What to measure besides weir: floor, floor+, nchan, pushpin");
  app.add_flag("--quick", plan.quick, "The main ratios, and whom they are against alone, in three minutes");
  app.add_option("--write", use.write, "Put the tables into this document");
  app.add_option("--compare", use.compare,
                 "Fail when a ratio is more than 15 % worse than this document records, or not there");
  app.add_option("--commit", use.commit, "What this build is of, to be said beside its version");
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

  if (!ProgramsAreThere()) {
    return 1;
  }
  load::RaiseFileLimit();
  const absl::Time start = absl::Now();
  bool good = true;
  for (const Mode& mode : modes) {
    if (Contains(wanted, mode.name) || (wanted.empty() && (!plan.quick || mode.quick))) {
      good = RunMode(mode, plan, use) && good;
    }
  }
  const absl::Duration took = absl::Now() - start;
  fmt::print("{:.0f} s{}\n", absl::ToDoubleSeconds(took),
             plan.quick && took > kQuick ? ": longer than the three minutes that --quick is to take" : "");
  return good ? 0 : 1;
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  return weir::bench::Main(argc, argv);
}
