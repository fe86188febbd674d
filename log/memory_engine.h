// A log in memory: for tests, development, and uses where a restart may lose everything. Each has an epoch of its own.
#ifndef WEIR_LOG_MEMORY_ENGINE_H_
#define WEIR_LOG_MEMORY_ENGINE_H_

#include <memory>

#include "log/log_engine.h"
#include "log/log_options.h"

namespace weir::log {

struct MemoryOptions {
  LogOptions log;
};

// Its size is bounded by Trim only. Append never fails.
std::unique_ptr<LogEngine> MakeMemoryLog(MemoryOptions options);

}  // namespace weir::log

#endif  // WEIR_LOG_MEMORY_ENGINE_H_
