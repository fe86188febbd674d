// Events that the tail no longer has, read from the server: the seam between the hubs and the gRPC client.
#ifndef WEIR_EDGE_HISTORY_H_
#define WEIR_EDGE_HISTORY_H_

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/event_view.h"
#include "edge/gap.h"
#include "edge/route.h"

namespace weir::edge {

struct HistoryRequest {
  std::vector<std::string> filters;  // concrete
  std::vector<std::string> types;    // empty: all. Others may come too: when the server does not know one any more
  // kEarliest, kLast, kTime or kAfter.
  ReadStart start;
  // Goes on with a snapshot (kLast); empty for its first page, and for every other kind.
  std::string page_token;
  size_t events_max = 128;
};

// A page of the log. Const, shared; the views refer to `bytes`.
struct HistoryPage {
  std::shared_ptr<const std::string> bytes;
  std::vector<EventView> events;  // in log order
  std::shared_ptr<const Schema> schema;
  std::string next_page_token;  // empty: this was the last page
  Cursor cursor;                // the log was read up to here
  std::optional<GapInfo> gap;   // before events[0]

  // The place of the first event beyond the sequence.
  size_t FirstAfter(uint64_t sequence) const {
    return static_cast<size_t>(
        std::partition_point(events.begin(), events.end(), [&](const EventView& e) { return e.sequence <= sequence; }) -
        events.begin());
  }
};

class History {
 public:
  using Done = std::function<void(absl::StatusOr<std::shared_ptr<const HistoryPage>>)>;

  virtual ~History() = default;

  // Reads one page. Any thread; `done` is called once, on any thread, perhaps before Read returns. The server alone
  // judges a cursor: one that it cannot continue gives a page with a gap. INVALID_ARGUMENT, PERMISSION_DENIED,
  // UNAUTHENTICATED, UNIMPLEMENTED, DATA_LOSS: final; other errors: try again later.
  virtual void Read(const HistoryRequest& request, Done done) = 0;
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_HISTORY_H_
