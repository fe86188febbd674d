// Faults made by signals and by the hops between the processes.
#ifndef WEIR_TESTS_CHAOS_FAULTS_H_
#define WEIR_TESTS_CHAOS_FAULTS_H_

#include <memory>
#include <vector>

#include "tests/chaos/fault.h"
#include "tests/chaos/proxy.h"

namespace weir::chaos {

// `kill-server`, `kill-edge`, `kill-all`: SIGKILL, and started again after a moment.
// `stop-server`, `stop-edge`: SIGSTOP for up to four seconds.
// `drain-server`, `drain-edge`: SIGTERM; it must end by itself with exit code 0, and is started again.
// `second-server`: another server on the same directory, which must refuse to start.
std::vector<std::unique_ptr<Fault>> ProcessFaults();

// `recreate-log`: the server is killed and its data directory removed: the log has another epoch then.
std::unique_ptr<Fault> RecreateLogFault();

// `cut`: connections of one hop are reset. `silence`: nothing passes a hop for up to four seconds. The hops must
// outlive them.
std::vector<std::unique_ptr<Fault>> ConnectionFaults(const std::vector<Proxy*>& hops);

// An error when one of the processes, all of which should be running, has ended by itself. A server that has poisoned
// its log refuses every publication until somebody restarts it: this is that somebody.
absl::Status CheckHealth(World& world);

}  // namespace weir::chaos

#endif  // WEIR_TESTS_CHAOS_FAULTS_H_
