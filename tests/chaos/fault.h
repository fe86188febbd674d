// What may go wrong while the system runs. A fault is inflicted by the conductor's thread, at a moment that the run's
// seed chose, and again and again in one run.
//
// Ownership: the run owns its faults and the World; a World outlives the calls. Errors: a status from Inflict ends the
// run as failed: the fault could not be made or undone, or the process that it struck did not do what it must at that
// very moment, as to end when told. What else the system must do is the checker's to say.
#ifndef WEIR_TESTS_CHAOS_FAULT_H_
#define WEIR_TESTS_CHAOS_FAULT_H_

#include <random>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "tests/chaos/world.h"

namespace weir::chaos {

class Fault {
 public:
  Fault() = default;
  virtual ~Fault() = default;
  Fault(const Fault&) = delete;
  Fault& operator=(const Fault&) = delete;

  // As the summary counts it: `kill-server`.
  virtual std::string_view name() const = 0;
  // Empty, or why this machine cannot: `needs root`.
  virtual std::string Unavailable() const = 0;
  // Makes the fault and undoes it: when this returns the system may recover by itself. What it killed it has started
  // again. Seconds, not minutes.
  virtual absl::Status Inflict(World& world, std::mt19937_64& random) = 0;
};

}  // namespace weir::chaos

#endif  // WEIR_TESTS_CHAOS_FAULT_H_
