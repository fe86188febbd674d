// What `weir` returns to its shell. Scripts rely on these.
#ifndef WEIR_CLIENTS_CLI_EXIT_CODE_H_
#define WEIR_CLIENTS_CLI_EXIT_CODE_H_

#include "absl/status/status.h"

namespace weir::cli {

inline constexpr int kSuccess = 0;
inline constexpr int kFailure = 1;  // part of the work failed, or the machine did
inline constexpr int kUsage = 2;    // the command line is wrong
inline constexpr int kNotInTime = 3;
inline constexpr int kInterrupted = 130;  // 128 + SIGINT
inline constexpr int kBrokenPipe = 141;   // 128 + SIGPIPE

// 64 + the canonical code of a call that failed.
inline int ExitCodeOf(const absl::Status& status) {
  return status.ok() ? kSuccess : 64 + static_cast<int>(status.code());
}

}  // namespace weir::cli

#endif  // WEIR_CLIENTS_CLI_EXIT_CODE_H_
