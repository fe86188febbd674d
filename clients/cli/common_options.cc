#include "clients/cli/common_options.h"

#include <cstdint>
#include <utility>

#include "absl/time/clock.h"
#include "base/address.h"
#include "base/text.h"
#include "clients/cli/arguments.h"
#include "fmt/format.h"

namespace weir::cli {

CLI::Validator Valid(std::function<absl::Status(const std::string&)> check) {
  return {[check = std::move(check)](const std::string& text) {
            const absl::Status status = check(text);
            return status.ok() ? std::string() : std::string(Message(status));
          },
          ""};
}

CLI::Validator IsPositiveDuration() {
  return Valid([](const std::string& text) -> absl::Status {
    const absl::StatusOr<absl::Duration> duration = ParseDuration(text);
    if (duration.ok() && *duration <= absl::ZeroDuration()) {
      return absl::InvalidArgumentError("the duration must be more than 0");
    }
    return duration.status();
  });
}

CLI::Validator IsDuration() {
  return Valid([](const std::string& text) { return ParseDuration(text).status(); });
}

CLI::Validator IsTime() {
  return Valid([](const std::string& text) { return ParseTime(text).status(); });
}

CLI::Validator IsSince() {
  return Valid([](const std::string& text) { return ParseSince(text, absl::Now()).status(); });
}

CLI::Validator IsKeyValue() {
  return Valid([](const std::string& text) { return ParseKeyValue(text).status(); });
}

void AddServer(CLI::App& command, ServerArguments& server) {
  command.add_option("--server", server.address, "The server's gRPC address")
      ->envname("WEIR_SERVER")
      ->check(Valid([](const std::string& text) { return ParseAddress(text).status(); }))
      ->type_name("HOST:PORT")
      ->capture_default_str();
  command.add_option("--tls-ca", server.tls.ca, "Use TLS; the server's certificate must come from these authorities")
      ->envname("WEIR_TLS_CA")
      ->type_name("FILE");
  command.add_option("--tls-certificate", server.tls.certificate, "Your certificate, for a server that asks for one")
      ->envname("WEIR_TLS_CERTIFICATE")
      ->type_name("FILE");
  command.add_option("--tls-key", server.tls.key, "Its key")->envname("WEIR_TLS_KEY")->type_name("FILE");
  command.add_option("--token-file", server.token_file, "Holds the token (JWT) that tells the server who you are")
      ->envname("WEIR_TOKEN_FILE")
      ->type_name("FILE");
}

// At most one of them.
void AddStart(CLI::App& command, StartArguments& start, const char* unset) {
  CLI::Option* since = command.add_option("--since", start.since, "Begin so long ago (5m), or at an RFC 3339 time")
                           ->check(IsSince())
                           ->type_name("TIME");
  CLI::Option* from =
      command.add_option("--from-id", start.from_id, "Begin after this cursor; also `earliest` or `latest`")
          ->type_name("CURSOR");
  CLI::Option* earliest =
      command.add_flag("--earliest", start.earliest, fmt::format("Begin with the oldest retained event{}", unset));
  CLI::Option* last = command.add_flag("--last", start.last, "Begin with the newest event of each topic");
  since->excludes(from, earliest, last);
  from->excludes(earliest, last);
  earliest->excludes(last);
}

void AddReading(CLI::App& command, std::vector<std::string>& filters, std::vector<std::string>& types,
                uint64_t& count) {
  command.add_option("FILTER", filters, "Topics: `*` is one token, `>` one or more at the end")->required();
  command.add_option("--type", types, "Only payloads of this full type name; may be repeated")
      ->allow_extra_args(false)
      ->type_name("TYPE");
  command.add_option("-n,--count", count, "End after so many events")
      ->check(CLI::Range(uint64_t{1}, UINT64_MAX, "COUNT"))
      ->type_name("COUNT");
}

}  // namespace weir::cli
