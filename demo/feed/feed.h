// The demo's feed: publishes each source's events at its rate until it is told to stop or has done its part.
#ifndef WEIR_DEMO_FEED_FEED_H_
#define WEIR_DEMO_FEED_FEED_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "apps/vehicles/v1/vehicles.pb.h"
#include "weir/client.h"

namespace weir::demo {

struct FeedOptions {
  std::string server;
  ClientTls tls{};
  std::string token_file{};  // empty: no token is shown
  // Between two updates of cars.
  absl::Duration interval = absl::Milliseconds(500);
  size_t vehicles_per_update_max = 5;
  // End after so many updates of cars; 0: never.
  uint64_t count = 0;
  // End when every car was sent once.
  bool once = false;
  // Also a trickle of goals of these tenants, and of notifications of these users; images are the first user's.
  bool all_apps = true;
  std::vector<std::string> tenants = {"tenant-1", "tenant-2"};
  std::vector<std::string> users = {"alice", "bob"};
};

// Returns when the part is done, or after `stop`; true when every event was stored. Says on stderr what it does. While
// the server is away, events wait and are sent, in order and once, when it is back.
bool RunFeed(const FeedOptions& options, std::vector<apps::vehicles::v1::Vehicle> cars, const absl::Notification& stop);

}  // namespace weir::demo

#endif  // WEIR_DEMO_FEED_FEED_H_
