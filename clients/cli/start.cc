#include "clients/cli/arguments.h"
#include "clients/cli/commands.h"

namespace weir::cli {

v1::Start StartOf(const StartArguments& arguments) {
  v1::Start start;
  if (!arguments.since.empty()) {
    const timespec since = absl::ToTimespec(*ParseSince(arguments.since, absl::Now()));
    start.mutable_from_time()->set_seconds(since.tv_sec);
    start.mutable_from_time()->set_nanos(static_cast<int32_t>(since.tv_nsec));
  } else if (!arguments.from_id.empty()) {
    start.set_after_cursor(arguments.from_id);
  } else if (arguments.earliest) {
    start.mutable_earliest();
  } else if (arguments.last) {
    start.mutable_last_per_topic();
  }
  return start;
}

}  // namespace weir::cli
