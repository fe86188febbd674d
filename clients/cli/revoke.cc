#include "absl/time/clock.h"
#include "clients/cli/arguments.h"
#include "clients/cli/commands.h"
#include "clients/cli/event_json.h"
#include "clients/cli/exit_code.h"
#include "clients/cli/output.h"

namespace weir::cli {

int Revoke(const RevokeArguments& arguments) {
  v1::RevokeTokensRequest request;
  request.set_issuer(arguments.issuer);
  if (arguments.subject.empty()) {
    request.set_token_id(arguments.token_id);
  } else {
    request.set_subject(arguments.subject);
  }
  if (!arguments.keep.empty()) {
    absl::Duration keep = *ParseDuration(arguments.keep);
    request.mutable_keep()->set_seconds(absl::IDivDuration(keep, absl::Seconds(1), &keep));
    request.mutable_keep()->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(keep)));
  }
  Client client(ConnectionTo(arguments.server));
  const auto response = client.RevokeTokens(request, absl::Now() + *ParseDuration(arguments.wait));
  if (!response.ok()) {
    Note(Describe(response.status()));
    return ExitCodeOf(response.status());
  }
  PrintLine(RevokedLine(*response));
  return kSuccess;
}

}  // namespace weir::cli
