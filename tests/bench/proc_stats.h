// What the kernel says of a process: CPU time and memory, from /proc (proc(5)).
#ifndef WEIR_TESTS_BENCH_PROC_STATS_H_
#define WEIR_TESTS_BENCH_PROC_STATS_H_

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "load/machine.h"

namespace weir::bench {

struct CpuTime {
  double seconds = 0;       // to the nanosecond
  double user_seconds = 0;  // of them in user mode: the kernel samples it, and says it in ticks of 10 ms
};

// Of all its threads, also those that have ended; nothing of a process that is not there.
CpuTime CpuTimeOf(pid_t pid);
// Proportional set size, in bytes.
uint64_t PssBytesOf(pid_t pid);
// The part that was stolen since then: 0 to 1.
double StolenSince(const load::MachineTime& then);

// `2 × Intel(R) Xeon(R) …, 24 GiB, Linux 6.1`.
std::string MachineName();

}  // namespace weir::bench

#endif  // WEIR_TESTS_BENCH_PROC_STATS_H_
