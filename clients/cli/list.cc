#include <algorithm>

#include "clients/cli/commands.h"
#include "clients/cli/event_json.h"
#include "clients/cli/exit_code.h"
#include "clients/cli/output.h"

namespace weir::cli {
namespace {

constexpr uint64_t kPageSizeMax = 1000;
constexpr absl::Duration kPageTimeout = absl::Seconds(30);

}  // namespace

int List(const ListArguments& arguments) {
  Client client(ConnectionTo(arguments.server));
  Schema schema(client);
  v1::ListEventsRequest request;
  request.mutable_filters()->Assign(arguments.filters.begin(), arguments.filters.end());
  request.mutable_types()->Assign(arguments.types.begin(), arguments.types.end());
  *request.mutable_start() = StartOf(arguments.start);
  request.set_newest_first(arguments.newest);
  const uint64_t count = arguments.count == 0 ? UINT64_MAX : arguments.count;
  request.set_page_size(static_cast<int32_t>(std::min(count, kPageSizeMax)));
  uint64_t printed = 0;
  for (;;) {
    const absl::StatusOr<v1::ListEventsResponse> page = client.ListEvents(request, absl::Now() + kPageTimeout);
    if (!page.ok()) {
      Note(Describe(page.status()));
      return ExitCodeOf(page.status());
    }
    if (page->has_gap()) {
      PrintLine(GapLine(page->gap()));
    }
    for (const v1::Event& event : page->events()) {
      PrintLine(EventLine(event, schema));
      if (++printed == count) {
        return kSuccess;
      }
    }
    if (page->next_page_token().empty()) {
      return kSuccess;
    }
    request.set_page_token(page->next_page_token());
  }
}

}  // namespace weir::cli
