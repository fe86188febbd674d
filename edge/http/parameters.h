// What a request says about where to read from and how much: `Last-Event-ID`, `last_event_id` (or `cursor`), `start`,
// `limit`, `wait`. Pure; any thread.
#ifndef WEIR_EDGE_HTTP_PARAMETERS_H_
#define WEIR_EDGE_HTTP_PARAMETERS_H_

#include <cstddef>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "edge/http/target.h"
#include "edge/route.h"

namespace weir::edge {

inline constexpr size_t kPollEventsMax = 1000;
inline constexpr absl::Duration kPollWaitMax = absl::Seconds(60);

struct Parameters {
  ReadStart start;
  bool has_cursor = false;  // the request named a cursor, good or not; a word is none
  size_t limit = 100;
  absl::Duration wait;
};

// INVALID_ARGUMENT names the parameter and what is allowed. A cursor counts before `start`, the header before the
// query. A malformed cursor is a fault of a poll, and kMalformedCursor for a stream: a browser would otherwise never
// come back. The words `earliest` and `latest` may stand for a cursor, and are a start. A start further back than the
// route's replay_max is moved up to it; one in the future is `latest`. A poll without cursor and `start` begins at
// `latest` whatever the route says.
absl::StatusOr<Parameters> ReadParameters(const Query& query, std::string_view last_event_id, const Route& route,
                                          bool poll, absl::Time now);

}  // namespace weir::edge

#endif  // WEIR_EDGE_HTTP_PARAMETERS_H_
