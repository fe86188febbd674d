// The small languages of the command line. Pure; errors are sentences for people.
#ifndef WEIR_CLIENTS_CLI_ARGUMENTS_H_
#define WEIR_CLIENTS_CLI_ARGUMENTS_H_

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace weir::cli {

// `90s`, `5m`, `1h30m`, `7d`; also negative ones; not infinite.
absl::StatusOr<absl::Duration> ParseDuration(std::string_view text);

// A duration before `now` that is not negative, or an RFC 3339 time: `5m`, `2026-01-31T08:00:00Z`.
absl::StatusOr<absl::Time> ParseSince(std::string_view text, absl::Time now);

// An RFC 3339 time with its zone.
absl::StatusOr<absl::Time> ParseTime(std::string_view text);

// `key=value`; the key is not empty, the value may be.
absl::StatusOr<std::pair<std::string, std::string>> ParseKeyValue(std::string_view text);

}  // namespace weir::cli

#endif  // WEIR_CLIENTS_CLI_ARGUMENTS_H_
