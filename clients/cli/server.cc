#include "base/address.h"
#include "base/text.h"
#include "clients/cli/commands.h"
#include "clients/cli/output.h"
#include "fmt/format.h"

namespace weir::cli {

absl::Status CheckServer(const ServerArguments& arguments) {
  std::vector<std::string> warnings;
  if (absl::Status status = CheckClientTls(arguments.tls, &warnings); !status.ok()) {
    return status;
  }
  for (const std::string& warning : warnings) {
    Note(warning);
  }
  if (arguments.token_file.empty()) {
    return absl::OkStatus();
  }
  if (TokenFromFile(arguments.token_file)().empty()) {
    return absl::InvalidArgumentError(fmt::format("{}: there is no token that can be read", arguments.token_file));
  }
  const absl::StatusOr<Address> address = ParseAddress(arguments.address);
  if (arguments.tls.ca.empty() && (!address.ok() || !IsLoopback(*address))) {
    return absl::InvalidArgumentError(
        fmt::format("a token is not sent to {} without TLS; give --tls-ca", arguments.address));
  }
  return absl::OkStatus();
}

ClientOptions ConnectionTo(const ServerArguments& arguments) {
  ClientOptions options{.server = arguments.address, .tls = arguments.tls, .name = "weir-cli"};
  if (!arguments.token_file.empty()) {
    options.token = TokenFromFile(arguments.token_file);
  }
  return options;
}

}  // namespace weir::cli
