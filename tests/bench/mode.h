// What weir-bench can measure: a list of modes, each a function in a file of its own. One thread.
#ifndef WEIR_TESTS_BENCH_MODE_H_
#define WEIR_TESTS_BENCH_MODE_H_

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "tests/bench/report.h"

namespace weir::bench {

// How it is to be measured.
struct Plan {
  // How often each figure is taken; the median counts.
  size_t rounds = 3;
  // The main ratios only, with less of everything.
  bool quick = false;
  // What to measure besides Weir; empty: everything that is there.
  std::vector<std::string> targets;
};

struct Mode {
  std::string name;
  std::string what;    // one line of the help
  bool quick = false;  // --quick measures it too
  std::function<void(const Plan&, Report&)> run;
  // What --compare compares: --quick takes it too.
  std::vector<Ratio> ratios = {};
  // Adds options of its own, if it has any.
  std::function<void(CLI::App&)> options = nullptr;
};

// Of the edge (edge_modes.cc), and of server and log (bus_modes.cc).
std::vector<Mode> EdgeModes();
std::vector<Mode> BusModes();

}  // namespace weir::bench

#endif  // WEIR_TESTS_BENCH_MODE_H_
