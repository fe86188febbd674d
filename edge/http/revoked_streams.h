// Ends the streams of revoked tokens in the hubs, and keeps nobody waiting for it: what comes while a hub is busy with
// what came before is gathered, and other hubs do not wait for that one.
#ifndef WEIR_EDGE_HTTP_REVOKED_STREAMS_H_
#define WEIR_EDGE_HTTP_REVOKED_STREAMS_H_

#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "base/revocations.h"
#include "edge/hub.h"

namespace weir::edge {

// Any thread. It may be destroyed while hubs still have something to end.
class RevokedStreams {
 public:
  // `retry_max`: see Hub::EndStreams.
  RevokedStreams(const std::vector<Hub*>& hubs, absl::Duration retry_max);

  // Each hub looks through its streams once for all that it was given since its last look. What waits for a hub is in
  // the edge's table of revocations as well, or was refused there and comes again: auth.revocations_max bounds it.
  void End(const RevocationTable& revoked);

  void SetRetryMax(absl::Duration retry_max);

 private:
  struct OfHub;

  std::vector<std::shared_ptr<OfHub>> hubs_;  // the same from the constructor on
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_HTTP_REVOKED_STREAMS_H_
