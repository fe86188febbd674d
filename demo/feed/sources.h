// Where the feed's events come from: one source per application. Each gives one event after another, for ever; what it
// gives follows from the seed and the times alone. One thread.
#ifndef WEIR_DEMO_FEED_SOURCES_H_
#define WEIR_DEMO_FEED_SOURCES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "apps/vehicles/v1/vehicles.pb.h"
#include "weir/v1/event.pb.h"

namespace weir::demo {

class Source {
 public:
  virtual ~Source() = default;
  // The next event: topic, payload and attributes.
  virtual v1::Event Next(absl::Time now) = 0;
};

// Cars in the order of the data, 1 to `per_update_max` an update, over and over, on `vehicles.updates`.
class VehicleSource final : public Source {
 public:
  VehicleSource(std::vector<apps::vehicles::v1::Vehicle> cars, size_t per_update_max, uint64_t seed);
  v1::Event Next(absl::Time now) override;
  // The last update ended at the data's end: the next one begins it again.
  bool at_end() const { return next_ == 0; }

 private:
  const std::vector<apps::vehicles::v1::Vehicle> cars_;
  const size_t per_update_max_;
  std::mt19937_64 random_;
  size_t next_ = 0;
  uint64_t updates_ = 0;
};

// A goal's life, goal after goal, on `tenants.TENANT.goals`, with the attribute tenant_id. `first` is the goal's number
// that it begins with, so that tenants differ.
std::unique_ptr<Source> MakeGoalSource(std::string tenant, size_t first = 0);
// A user's notifications, every fifth to all, on `users.USER.notifications` and `broadcast.notifications`.
std::unique_ptr<Source> MakeNotificationSource(std::string user);
// Progress and results of requests, three at a time, every fourth of which fails, on `users.USER.imagegen.REQUEST`. The
// result is a PNG of a few kilobytes, within the event.
std::unique_ptr<Source> MakeImageSource(std::string user);

}  // namespace weir::demo

#endif  // WEIR_DEMO_FEED_SOURCES_H_
