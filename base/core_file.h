// What a process leaves behind when it crashes.
#ifndef WEIR_BASE_CORE_FILE_H_
#define WEIR_BASE_CORE_FILE_H_

namespace weir {

// No core, neither in a file nor for a collector, for it would hold the tokens, keys and events that are in memory:
// called first thing in main, whatever limit the process was given, but for a hard one of 0, with which collectors get
// theirs. An operator who looks for a fault allows one to the running process (docs/operations.md).
void LeaveNoCore();

}  // namespace weir

#endif  // WEIR_BASE_CORE_FILE_H_
