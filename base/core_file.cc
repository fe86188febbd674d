#include "base/core_file.h"

#include <sys/resource.h>

#include <algorithm>

namespace weir {

void LeaveNoCore() {
  rlimit limit = {};
  if (::getrlimit(RLIMIT_CORE, &limit) == 0) {
    // One byte, which no core fits into: where cores are piped to a collector the kernel goes by no limit but this one
    // (core(5), do_coredump). The hard limit stays: it could not be raised again.
    limit.rlim_cur = std::min<rlim_t>(1, limit.rlim_max);
    ::setrlimit(RLIMIT_CORE, &limit);
  }
}

}  // namespace weir
