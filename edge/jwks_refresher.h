// Keeps the keys of issuers that publish them at a URL: fetches them now and then, on a thread of its own, and hands
// new ones over. What was fetched last counts until something better comes, or until it is too old: an outage changes
// nothing, unless it lasts for days, or is somebody's who wants a withdrawn key to live on.
//
// Want, Warning and Collect from any thread; the rest on one, which is not the callback's. Bounds: of a set, those of
// JwkSet; an attempt 5 s; attempts as JwksSchedule says, one at a time.
#ifndef WEIR_EDGE_JWKS_REFRESHER_H_
#define WEIR_EDGE_JWKS_REFRESHER_H_

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/clock.h"
#include "base/jwk_set.h"
#include "base/jwt_key.h"
#include "edge/jwks_fetch.h"
#include "edge/jwks_schedule.h"

namespace weir::edge {

// Longer than a weekend.
inline constexpr absl::Duration kJwksAgeMaxDefault = absl::Hours(72);

struct JwksSource {
  std::string issuer;
  JwksLocation location;
  // How long keys count that cannot be fetched again. They are fetched by half of it.
  absl::Duration age_max = kJwksAgeMaxDefault;

  // Whether its keys are fetched from the same place.
  bool SamePlace(const JwksSource& other) const { return issuer == other.issuer && location == other.location; }
};

class JwksRefresher : public prometheus::Collectable {
 public:
  // Called on the refresher's thread after each good answer, and without keys when they are too old.
  using OnKeys = std::function<void(const std::string& issuer, std::vector<JwtKey> keys)>;
  using Fetch = std::function<absl::StatusOr<JwksAnswer>(const JwksLocation&, const std::atomic<bool>& cancelled)>;

  explicit JwksRefresher(std::vector<JwksSource> sources, Fetch fetch = FetchJwks, Clock clock = MonotonicClock());
  ~JwksRefresher() override;
  JwksRefresher(const JwksRefresher&) = delete;
  JwksRefresher& operator=(const JwksRefresher&) = delete;

  const std::vector<JwksSource>& sources() const { return sources_; }

  // The keys of the same places that `before` has fetched are in force already, and as old as they are there. Before
  // Start.
  void GoOnFrom(const JwksRefresher& before);
  // Begins to fetch; the first keys are asked for at once. May begin again after Stop.
  void Start(OnKeys on_keys);
  // No callback runs any more when it returns. Not from the callback.
  void Stop();

  // A token of that issuer names a key that is not there. True: the keys are being fetched.
  bool Want(const std::string& issuer);

  // Whose keys are too old, in a sentence. Empty: nobody's.
  std::string Warning() const;

  // weir_edge_jwks_fetches_total{issuer,result}, weir_edge_jwks_keys{issuer}, weir_edge_jwks_age_seconds{issuer}
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  struct State {
    JwksSchedule schedule;
    uint64_t ok = 0;
    uint64_t failed = 0;
    size_t keys = 0;
    absl::Time fetched = absl::InfinitePast();
    absl::Time ends = absl::InfiniteFuture();  // when they are too old
    bool too_old = false;                      // they were, and there are no others yet
    std::string said;                          // the error that was logged last

    absl::Time next() const { return std::min(schedule.next(), ends); }
  };

  void Run(const OnKeys& on_keys);
  void Refresh(size_t index, const OnKeys& on_keys);
  void Forget(size_t index) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<JwkSet> Ask(const JwksSource& source, std::optional<absl::Duration>& max_age) const;

  const std::vector<JwksSource> sources_;
  const Fetch fetch_;
  const Clock clock_;
  std::atomic<bool> ending_ = false;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<State> states_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_JWKS_REFRESHER_H_
