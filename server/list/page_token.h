// The opaque token of a page of ListEvents: where the next page goes on, bound to the request it belongs to.
//
// It is text with a checksum over itself and the fields of the request that pages must share; a token that was changed,
// or is used with other fields, does not parse. It is no secret: it says nothing that cursors do not say.
#ifndef WEIR_SERVER_LIST_PAGE_TOKEN_H_
#define WEIR_SERVER_LIST_PAGE_TOKEN_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "base/cursor.h"
#include "weir/v1/event_bus.pb.h"

namespace weir::server {

struct PageToken {
  Epoch epoch;
  uint64_t position = 0;  // the next page reads after it (newest first: before it)
  uint64_t bound = 0;     // the last sequence to read (newest first: the lowest)
  uint64_t resume = 0;    // newest first: what the response's `cursor` says
  bool last_per_topic = false;
  int64_t not_before_millis = std::numeric_limits<int64_t>::min();

  std::string ToString(const v1::ListEventsRequest& request) const;
  // Null unless ToString made `text` for a request with the same filters, types, until_cursor and newest_first.
  static std::optional<PageToken> Parse(std::string_view text, const v1::ListEventsRequest& request);
};

}  // namespace weir::server

#endif  // WEIR_SERVER_LIST_PAGE_TOKEN_H_
