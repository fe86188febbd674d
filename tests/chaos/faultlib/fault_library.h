// Faults inside a process that a test starts: failing, slow and ignored syncs, a full disk, a file
// system without some calls, a lack of descriptors, a clock that jumps. The
// process is started with `environment()`; the faults are set and cleared through `board()` while it runs, and outlive
// its restarts.
//
// It works on whatever calls libc's functions, as weir-server, weir-edge and their libraries do, also under the
// sanitizers; not on a static program, nor on one that calls the kernel by itself.
#ifndef WEIR_TESTS_CHAOS_FAULTLIB_FAULT_LIBRARY_H_
#define WEIR_TESTS_CHAOS_FAULTLIB_FAULT_LIBRARY_H_

#include <map>
#include <string>

#include "tests/chaos/faultlib/board.h"

namespace weir::chaos {

class FaultLibrary {
 public:
  // Makes the board, a file; aborts when that fails.
  explicit FaultLibrary(const std::string& board_path);
  // The mapping ends; running processes keep theirs.
  ~FaultLibrary();
  FaultLibrary(const FaultLibrary&) = delete;
  FaultLibrary& operator=(const FaultLibrary&) = delete;

  std::map<std::string, std::string> environment() const;
  Board& board() const { return *board_; }

 private:
  const std::string board_path_;
  Board* board_;
};

}  // namespace weir::chaos

#endif  // WEIR_TESTS_CHAOS_FAULTLIB_FAULT_LIBRARY_H_
