// What `weir check-log` and `weir backup` say of a log.
#ifndef WEIR_CLIENTS_CLI_LOG_REPORT_H_
#define WEIR_CLIENTS_CLI_LOG_REPORT_H_

#include <string>

#include "log/log_check.h"

namespace weir::cli {

// Prints one line to stdout, and the faults to stderr; returns the exit code.
int PrintReport(const std::string& directory, const log::LogReport& report);

}  // namespace weir::cli

#endif  // WEIR_CLIENTS_CLI_LOG_REPORT_H_
