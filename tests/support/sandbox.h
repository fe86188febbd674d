// A sandbox for tests that mount file systems or cut networks: nothing that such a test does is seen by the machine,
// and nothing outlives it, however it ends.
//
// It is a set of Linux namespaces: of mounts, of the network (a loopback device of its own, where every port is free)
// and of processes (with the test dies whatever it has started). It needs root.
#ifndef WEIR_TESTS_SUPPORT_SANDBOX_H_
#define WEIR_TESTS_SUPPORT_SANDBOX_H_

#include "absl/status/status.h"

namespace weir::testing {

// Goes on in a new process inside a sandbox; the old one waits for it and exits as it does. To be called first in main,
// before any thread is started: link `weir_sandbox_main`, whose main does that. Without the right to make a sandbox the
// test goes on outside.
void EnterSandbox();

// OK inside, or why there is no sandbox: tests that need one skip themselves with it.
const absl::Status& SandboxStatus();

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_SANDBOX_H_
