#include <memory>

#include "base/text.h"
#include "clients/cli/commands.h"
#include "clients/cli/exit_code.h"
#include "clients/cli/log_copy.h"
#include "clients/cli/log_report.h"
#include "clients/cli/output.h"
#include "clients/cpp/rpc_status.h"
#include "fmt/format.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "log/log_check.h"
#include "weir/v1/maintenance.grpc.pb.h"

namespace weir::cli {
namespace {

int FailHere(const absl::Status& status) {
  Note(Message(status));
  return kFailure;
}

}  // namespace

int Backup(const BackupArguments& arguments) {
  absl::StatusOr<LogCopy> copy = LogCopy::Begin(arguments.directory);
  if (!copy.ok()) {
    return FailHere(copy.status());
  }
  const Client client(ConnectionTo(arguments.server));
  const std::unique_ptr<v1::Maintenance::Stub> stub = v1::Maintenance::NewStub(client.channel());
  grpc::ClientContext context;
  client.Authorize(context);
  const auto reader = stub->Backup(&context, v1::BackupRequest());
  v1::BackupResponse message;
  absl::Status status = absl::OkStatus();
  while (status.ok() && reader->Read(&message)) {
    status = copy->Take(message);
  }
  if (!status.ok()) {
    context.TryCancel();
  }
  const grpc::Status ended = reader->Finish();
  if (status.ok() && !ended.ok()) {
    const absl::Status failed = client::FromGrpc(ended);
    Note(Describe(failed));
    return ExitCodeOf(failed);
  }
  if (status.ok()) {
    status = copy->Complete();
  }
  if (!status.ok()) {
    return FailHere(status);
  }
  const absl::StatusOr<log::LogReport> report = log::CheckLog(copy->unfinished());
  if (!report.ok()) {
    return FailHere(report.status());
  }
  if (report->faults.count() > 0 || !report->content.has_value() || report->content->head < copy->head()) {
    PrintReport(arguments.directory, *report);
    Note("the copy is not good, and was removed; look at the server's log (weir check-log)");
    return kFailure;
  }
  if (status = copy->Finish(); !status.ok()) {
    return FailHere(status);
  }
  return PrintReport(arguments.directory, *report);
}

}  // namespace weir::cli
