#include "load/machine.h"

#include <sys/resource.h>

#include <fstream>

namespace weir::load {
namespace {

constexpr double kGeneratorBusy = 0.9;  // of a core
constexpr double kMachineIdle = 0.05;   // of all cores

}  // namespace

MachineTime MachineTimeNow() {
  std::ifstream file("/proc/stat");
  std::string name;
  file >> name;
  MachineTime time;
  double ticks = 0;
  for (int field = 0; field < 8 && file >> ticks; ++field) {  // user nice system idle iowait irq softirq steal
    time.total += ticks;
    time.idle += field == 3 || field == 4 ? ticks : 0;
    time.stolen = ticks;
  }
  return time;
}

std::optional<std::string> LimitOf(double generator_busy, const MachineTime& before, const MachineTime& after) {
  if (generator_busy > kGeneratorBusy) {
    return "generator";
  }
  const double total = after.total - before.total;
  if (total > 0 && (after.idle - before.idle) / total < kMachineIdle) {
    return "machine";
  }
  return std::nullopt;
}

uint64_t RaiseFileLimit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

}  // namespace weir::load
