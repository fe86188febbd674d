#include "clients/cli/output.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/cord.h"
#include "base/text.h"
#include "base/visible.h"
#include "clients/cli/exit_code.h"
#include "fmt/format.h"
#include "google/rpc/error_details.pb.h"
#include "weir/client.h"

namespace weir::cli {
namespace {

// Returns 0, or the error.
int WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<size_t>(written));
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

}  // namespace

// The library escapes the control characters below U+0020.
std::string Dump(const Json& json) { return Visible(json.dump(-1, ' ', false, Json::error_handler_t::replace)); }

void PrintLine(std::string_view line) {
  const int error = WriteAll(STDOUT_FILENO, fmt::format("{}\n", line));
  if (error == EPIPE) {
    _exit(kBrokenPipe);
  }
  if (error != 0) {
    Note(fmt::format("cannot write to stdout: {}", strerror(error)));
    _exit(kFailure);
  }
}

void Note(std::string_view text) { WriteAll(STDERR_FILENO, fmt::format("weir: {}\n", Visible(text))); }

std::string Describe(const absl::Status& status) {
  const std::string reason = ErrorReason(status);
  return fmt::format(
      "{}{}: {}{}", absl::StatusCodeToString(status.code()), reason.empty() ? "" : fmt::format(" ({})", reason),
      Message(status),
      reason == "CREDENTIALS_MISSING" ? "; give --token-file (WEIR_TOKEN_FILE) or --tls-certificate" : "");
}

Json ErrorJson(const absl::Status& status) {
  return {{"code", absl::StatusCodeToString(status.code())},
          {"reason", ErrorReason(status)},
          {"message", std::string(Message(status))}};
}

absl::Status Error(absl::StatusCode code, std::string_view reason, std::string_view message) {
  google::rpc::ErrorInfo info;
  info.set_domain("weir");
  info.set_reason(std::string(reason));
  absl::Status status(code, absl::string_view(message.data(), message.size()));
  status.SetPayload("type.googleapis.com/google.rpc.ErrorInfo", absl::Cord(info.SerializeAsString()));
  return status;
}

}  // namespace weir::cli
