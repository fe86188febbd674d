#include "edge/http/revoked_streams.h"

#include <boost/asio/post.hpp>
#include <limits>
#include <mutex>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/time/clock.h"

namespace weir::edge {

struct RevokedStreams::OfHub : std::enable_shared_from_this<OfHub> {
  OfHub(Hub& its_hub, absl::Duration its_retry_max) : hub(its_hub), retry_max(its_retry_max) {}

  void End(const RevocationTable& revoked) {
    const std::lock_guard lock(mutex);
    waiting.Merge(revoked, std::numeric_limits<size_t>::max(), absl::Now());
    if (!busy) {
      Begin();
    }
  }

  void Begin() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    busy = waiting.size() > 0;
    if (!busy) {
      return;
    }
    boost::asio::post(hub.context(), [self = shared_from_this(), retry = retry_max,
                                      revoked = std::make_shared<const RevocationTable>(std::exchange(waiting, {}))] {
      const Hub::Judgement judgement = [revoked, now = absl::Now()](const Route&, const TokenMarks& token) {
        return revoked->Revokes(token, now) ? Hub::Fate::kRevoked : Hub::Fate::kStays;
      };
      self->hub.EndStreams(judgement, retry, [self] {
        const std::lock_guard lock(self->mutex);
        self->Begin();
      });
    });
  }

  Hub& hub;
  std::mutex mutex;
  absl::Duration retry_max ABSL_GUARDED_BY(mutex);
  RevocationTable waiting ABSL_GUARDED_BY(mutex);
  bool busy ABSL_GUARDED_BY(mutex) = false;
};

RevokedStreams::RevokedStreams(const std::vector<Hub*>& hubs, absl::Duration retry_max) {
  for (Hub* hub : hubs) {
    hubs_.push_back(std::make_shared<OfHub>(*hub, retry_max));
  }
}

void RevokedStreams::End(const RevocationTable& revoked) {
  for (const std::shared_ptr<OfHub>& hub : hubs_) {
    hub->End(revoked);
  }
}

void RevokedStreams::SetRetryMax(absl::Duration retry_max) {
  for (const std::shared_ptr<OfHub>& hub : hubs_) {
    const std::lock_guard lock(hub->mutex);
    hub->retry_max = retry_max;
  }
}

}  // namespace weir::edge
