// What is wrong with a log on disk.
#ifndef WEIR_LOG_LOG_FAULT_H_
#define WEIR_LOG_LOG_FAULT_H_

#include <string>

#include "fmt/format.h"

namespace weir::log {

struct LogFault {
  std::string where;   // a file within the log's directory, or which events
  std::string what;    // is wrong there
  std::string advice;  // what to do

  std::string ToString() const { return fmt::format("{}: {}; {}", where, what, advice); }
};

inline constexpr char kRestoreAdvice[] =
    "keep a copy of the directory as it is, and restore the newest backup (docs/operations.md)";
inline constexpr char kRepairAdvice[] =
    "`weir check-log --repair-tail` cuts the end off; what was acknowledged last may be in it (docs/operations.md)";

}  // namespace weir::log

#endif  // WEIR_LOG_LOG_FAULT_H_
