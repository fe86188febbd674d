// The command line of `weir`: its commands, options and help, and what runs when a command was given.
#ifndef WEIR_CLIENTS_CLI_COMMAND_LINE_H_
#define WEIR_CLIENTS_CLI_COMMAND_LINE_H_

namespace weir::cli {

// Parses and runs; returns the exit code.
int RunCommandLine(int argc, const char* const* argv);

}  // namespace weir::cli

#endif  // WEIR_CLIENTS_CLI_COMMAND_LINE_H_
