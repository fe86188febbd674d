// Faults of the machine below the processes: its disk, its clock and its network.
//
// One thread. The Machine outlives its faults, and the processes are started after it was prepared.
#ifndef WEIR_TESTS_CHAOS_MACHINE_H_
#define WEIR_TESTS_CHAOS_MACHINE_H_

#include <memory>
#include <string>
#include <vector>

#include "tests/chaos/disk.h"
#include "tests/chaos/fault.h"
#include "tests/chaos/faultlib/fault_library.h"

namespace weir::chaos {

class Machine {
 public:
  // Keeps what it needs in `dir`. Moves the server's data to a disk of its own, where the machine allows that, and
  // loads the library that makes its system calls fail.
  Machine(World& world, const std::string& dir);

  // `slow-sync`: every sync takes up to 300 ms, for up to three seconds. `failing-sync`: one sync fails; the server is
  // restarted when it says that its log is poisoned. `no-space`: writes fail for a moment. `clock-jump`: the server's
  // clock is up to six hours off, for up to three seconds.
  // On the disk of its own: `power-cut`, and `full-disk` for up to three seconds.
  // In a sandbox: `partition`: packets to and from the server, or an edge, are lost for up to four seconds, all or
  // some.
  std::vector<std::unique_ptr<Fault>> MakeFaults();

  // `forget-sync`: syncs do nothing for some seconds, and then the power is cut. No server can hold its promise then:
  // the checker must say so.
  std::unique_ptr<Fault> MakeForgetSync();

 private:
  FaultLibrary library_;
  std::unique_ptr<Disk> disk_;  // null: why is in no_disk_
  std::string no_disk_;
};

}  // namespace weir::chaos

#endif  // WEIR_TESTS_CHAOS_MACHINE_H_
