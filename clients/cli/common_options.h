// What several commands of `weir` take: the options, and checks of what they are given.
#ifndef WEIR_CLIENTS_CLI_COMMON_OPTIONS_H_
#define WEIR_CLIENTS_CLI_COMMON_OPTIONS_H_

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "clients/cli/commands.h"

namespace weir::cli {

// Takes what `check` finds good, and says why where it does not.
CLI::Validator Valid(std::function<absl::Status(const std::string&)> check);
// As arguments.h reads them.
CLI::Validator IsDuration();
CLI::Validator IsPositiveDuration();
CLI::Validator IsTime();
CLI::Validator IsSince();
CLI::Validator IsKeyValue();

// Where the server is, and who calls.
void AddServer(CLI::App& command, ServerArguments& server);
// Where to begin: at most one of them. `unset` is said behind --earliest.
void AddStart(CLI::App& command, StartArguments& start, const char* unset);
// What to read, and how much of it.
void AddReading(CLI::App& command, std::vector<std::string>& filters, std::vector<std::string>& types, uint64_t& count);

}  // namespace weir::cli

#endif  // WEIR_CLIENTS_CLI_COMMON_OPTIONS_H_
