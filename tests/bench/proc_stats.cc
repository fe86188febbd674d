#include "tests/bench/proc_stats.h"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <ctime>
#include <fstream>
#include <sstream>
#include <thread>

namespace weir::bench {
namespace {

// The value of the first line of a /proc file that begins with `key`.
std::string ProcValue(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(key)) {
      const size_t at = line.find_first_not_of(" \t:", key.size());
      return at == std::string::npos ? "" : line.substr(at);
    }
  }
  return "";
}

double SecondsOf(pid_t pid) {
  clockid_t clock = 0;
  timespec time{};
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) {
    return 0;
  }
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

}  // namespace

CpuTime CpuTimeOf(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string text;
  std::getline(file, text);
  std::istringstream fields(text.substr(text.rfind(')') + 1));
  std::string skipped;
  for (int i = 3; i < 14; ++i) {
    fields >> skipped;
  }
  double user = 0;
  fields >> user;
  return {SecondsOf(pid), user / static_cast<double>(sysconf(_SC_CLK_TCK))};
}

uint64_t PssBytesOf(pid_t pid) {
  const std::string value = ProcValue(fmt::format("/proc/{}/smaps_rollup", pid), "Pss");
  return value.empty() ? 0 : std::stoull(value) * 1024;
}

double StolenSince(const load::MachineTime& then) {
  const load::MachineTime now = load::MachineTimeNow();
  return now.total > then.total ? (now.stolen - then.stolen) / (now.total - then.total) : 0;
}

std::string MachineName() {
  utsname name{};
  uname(&name);
  const std::string memory = ProcValue("/proc/meminfo", "MemTotal");
  return fmt::format(
      "{} × {}, {:.0f} GiB, {} {}", std::thread::hardware_concurrency(), ProcValue("/proc/cpuinfo", "model name"),
      memory.empty() ? 0.0 : static_cast<double>(std::stoull(memory)) / (1 << 20), name.sysname, name.release);
}

}  // namespace weir::bench
