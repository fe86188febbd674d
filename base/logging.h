// The process's log: spdlog on stderr, one line a message, `2026-01-31T12:00:00.000Z info message`, in UTC.
//
// Code logs with spdlog::info(…) and its like. Control characters in a message are escaped (`\n`, `\x1b`), so that
// nobody can write a line of their own; what comes from outside goes through Quotable (base/text.h) all the same, which
// also bounds it. Tokens and payloads are never logged.
#ifndef WEIR_BASE_LOGGING_H_
#define WEIR_BASE_LOGGING_H_

#include <spdlog/spdlog.h>

#include <string_view>

#include "absl/status/status.h"

namespace weir {

// OK for `trace`, `debug`, `info`, `warning`, `error`; else INVALID_ARGUMENT: `is "x"; allowed is …`.
absl::Status ValidateLogLevel(std::string_view level);

// Called first thing in main: without it spdlog writes to stdout, and reading a configuration may warn. An empty level
// means `info`. Errors as ValidateLogLevel, and nothing is changed.
absl::Status SetUpLogging(std::string_view level);

// Logs an error's message as a warning; any thread.
void WarnUnlessOk(const absl::Status& status);

// Changes the level; any thread. Errors as ValidateLogLevel.
absl::Status SetLogLevel(std::string_view level);

}  // namespace weir

#endif  // WEIR_BASE_LOGGING_H_
