#include "base/text.h"
#include "clients/cli/commands.h"
#include "clients/cli/exit_code.h"
#include "clients/cli/log_report.h"
#include "clients/cli/output.h"
#include "fmt/format.h"
#include "log/log_check.h"

namespace weir::cli {
namespace {

int Fail(const absl::Status& status) {
  Note(Message(status));
  return kFailure;
}

void NoteRepair(const log::TailRepair& repair) {
  if (repair.cuts.empty()) {
    Note("the end of the log is good: nothing was cut");
    return;
  }
  for (const log::CutTail& cut : repair.cuts) {
    Note(fmt::format("cut {} bytes off {}, from byte {} on; they are kept in {}", cut.bytes, cut.file, cut.offset,
                     cut.copy));
  }
  Note(fmt::format("events from {} on are gone, if any were in there; the log gets a new epoch when it is opened",
                   repair.next_sequence));
}

}  // namespace

int PrintReport(const std::string& directory, const log::LogReport& report) {
  for (const log::LogFault& fault : report.faults.kept()) {
    Note(fmt::format("fault: {}", fault.ToString()));
  }
  if (report.faults.count() > report.faults.kept().size()) {
    Note(fmt::format("{} more faults are not shown", report.faults.count() - report.faults.kept().size()));
  }
  if (report.unfinished_bytes > 0) {
    Note(fmt::format(
        "the write-ahead log ends with {} bytes of a write that was never acknowledged; they are dropped when "
        "the log is opened",
        report.unfinished_bytes));
  }
  if (report.new_epoch) {
    Note("the log gets a new epoch when it is opened");
  }
  Json line = {{"directory", directory}, {"events", nullptr}, {"earliest", nullptr}, {"head", nullptr},
               {"epoch", nullptr},       {"bytes", nullptr},  {"segments", nullptr}, {"faults", report.faults.count()}};
  if (report.content.has_value()) {
    line["events"] = report.content->events;
    line["earliest"] = report.content->earliest;
    line["head"] = report.content->head;
    line["bytes"] = report.content->bytes;
    line["segments"] = report.content->segments;
  }
  if (!report.epoch.empty()) {
    line["epoch"] = report.epoch;
  }
  PrintLine(Dump(line));
  return report.faults.count() == 0 ? kSuccess : kFailure;
}

int CheckLog(const CheckLogArguments& arguments) {
  if (arguments.repair_tail) {
    const absl::StatusOr<log::TailRepair> repair = log::RepairTail(arguments.directory);
    if (!repair.ok()) {
      return Fail(repair.status());
    }
    NoteRepair(*repair);
  }
  const absl::StatusOr<log::LogReport> report = log::CheckLog(arguments.directory);
  return report.ok() ? PrintReport(arguments.directory, *report) : Fail(report.status());
}

}  // namespace weir::cli
