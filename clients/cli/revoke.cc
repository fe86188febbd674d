#include "absl/time/clock.h"
#include "base/token_revocation.h"
#include "clients/cli/arguments.h"
#include "clients/cli/commands.h"
#include "clients/cli/exit_code.h"
#include "clients/cli/output.h"
#include "clients/cli/send_event.h"
#include "weir/v1/revocation.pb.h"

namespace weir::cli {
namespace {

void Set(absl::Time time, google::protobuf::Timestamp& out) { out.set_seconds(absl::ToUnixSeconds(time)); }

}  // namespace

int Revoke(const RevokeArguments& arguments) {
  const absl::Time now = absl::Now();
  v1::TokenRevocation revocation;
  revocation.set_issuer(arguments.issuer);
  if (arguments.subject.empty()) {
    revocation.set_token_id(arguments.token_id);
  } else {
    revocation.set_subject(arguments.subject);
    Set(now, *revocation.mutable_issued_until());
  }
  Set(now + *ParseDuration(arguments.keep), *revocation.mutable_expire_time());
  if (const absl::Status status = CheckTokenRevocation(revocation); !status.ok()) {
    Note(Describe(status));
    return kUsage;
  }
  v1::Event event;
  event.set_topic(std::string(kRevocationsTopic));
  event.mutable_payload()->PackFrom(revocation);
  Client client(ConnectionTo(arguments.server));
  return SendEvent(client, std::move(event), *ParseDuration(arguments.wait));
}

}  // namespace weir::cli
