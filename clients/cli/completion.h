// Completion scripts, made from the command line's own description.
#ifndef WEIR_CLIENTS_CLI_COMPLETION_H_
#define WEIR_CLIENTS_CLI_COMPLETION_H_

#include <string>

namespace CLI {
class App;
}

namespace weir::cli {

// A script that completes commands and options. `shell`: `bash`, `zsh` or `fish`.
std::string CompletionScript(const CLI::App& app, const std::string& shell);

}  // namespace weir::cli

#endif  // WEIR_CLIENTS_CLI_COMPLETION_H_
