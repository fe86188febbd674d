#include "clients/cli/commands.h"
#include "clients/cli/output.h"

namespace weir::cli {

absl::Status CheckServer(const ServerArguments& arguments) {
  std::vector<std::string> warnings;
  absl::Status status = CheckClientTls(arguments.tls, &warnings);
  if (status.ok() && !arguments.token_file.empty()) {
    status = CheckTokenFile(arguments.token_file, arguments.address, arguments.tls, &warnings);
  }
  for (const std::string& warning : warnings) {
    Note(warning);
  }
  return status;
}

ClientOptions ConnectionTo(const ServerArguments& arguments) {
  ClientOptions options{.server = arguments.address, .tls = arguments.tls, .name = "weir-cli"};
  if (!arguments.token_file.empty()) {
    options.token = TokenFromFile(arguments.token_file);
  }
  return options;
}

}  // namespace weir::cli
