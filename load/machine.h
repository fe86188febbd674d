// What the kernel says of the machine, from /proc (proc(5)). Any thread.
#ifndef WEIR_LOAD_MACHINE_H_
#define WEIR_LOAD_MACHINE_H_

#include <cstdint>
#include <optional>
#include <string>

namespace weir::load {

// What all processors did since the machine started, in ticks; `stolen` is what the host gave to others.
struct MachineTime {
  double total = 0;
  double idle = 0;
  double stolen = 0;
};
MachineTime MachineTimeNow();

// What there was no more of, between two looks: a thread of the load above 90 % of a core is `generator`, all
// processors busy is `machine`; else none.
std::optional<std::string> LimitOf(double generator_busy, const MachineTime& before, const MachineTime& after);

// Raises the limit of open files as far as the hard limit goes; returns it.
uint64_t RaiseFileLimit();

}  // namespace weir::load

#endif  // WEIR_LOAD_MACHINE_H_
