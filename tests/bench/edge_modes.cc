#include "tests/bench/connections.h"
#include "tests/bench/fanout.h"
#include "tests/bench/growth.h"
#include "tests/bench/mode.h"
#include "tests/bench/stopped.h"
#include "tests/bench/storm.h"
#include "tests/bench/tls.h"

namespace weir::bench {

std::vector<Mode> EdgeModes() {
  std::vector<Mode> modes = FanoutModes();
  modes.push_back(TlsMode());
  modes.push_back(IdleMode());
  modes.push_back(ConnectMode());
  modes.push_back(StormMode());
  modes.push_back(GrowthMode());
  modes.push_back(StoppedMode());
  return modes;
}

}  // namespace weir::bench
