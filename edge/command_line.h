// weir-edge's command line and environment: `weir-edge --help` says what there is.
#ifndef WEIR_EDGE_COMMAND_LINE_H_
#define WEIR_EDGE_COMMAND_LINE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "edge/config.h"

namespace weir::edge {

struct CommandLine {
  EdgeConfig config;
  bool check = false;  // only say that the configuration is good
  // Reads and checks the configuration anew, as at the start.
  std::function<absl::StatusOr<EdgeConfig>()> reload;
};

// The process ends instead of starting: `--help`, `--version`, or a mistake. Code 0 goes to stdout, 2 to stderr.
struct Exit {
  int code = 0;
  std::string text;
};

// An environment variable, or an empty string.
using Environment = std::function<std::string(const std::string& name)>;

// Reads the command line (without the program's name), the environment and the file, and checks all of it. Flags
// override the environment, which overrides the file. `processors` is the default of `threads`.
std::variant<CommandLine, Exit> ReadCommandLine(const std::vector<std::string>& arguments,
                                                const Environment& environment, uint32_t processors);

}  // namespace weir::edge

#endif  // WEIR_EDGE_COMMAND_LINE_H_
