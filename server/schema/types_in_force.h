// The event types that hold now: replaced as a whole when the configuration is read again.
//
// Any thread. Whoever works with them needs no lock and no reference: what was replaced stays until this is destroyed.
// That is bounded: at most kVersionsMax different ones, then only a restart helps.
#ifndef WEIR_SERVER_SCHEMA_TYPES_IN_FORCE_H_
#define WEIR_SERVER_SCHEMA_TYPES_IN_FORCE_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "server/schema/event_types.h"

namespace weir::server {

class TypesInForce {
 public:
  static constexpr size_t kVersionsMax = 100;

  explicit TypesInForce(std::shared_ptr<const EventTypes> types) : current_(types.get()) {
    versions_.push_back(std::move(types));
  }

  // Ask once for what has to fit together.
  const EventTypes& get() const { return *current_.load(std::memory_order_acquire); }

  // RESOURCE_EXHAUSTED: too many different ones.
  absl::Status Replace(std::shared_ptr<const EventTypes> types);

 private:
  std::atomic<const EventTypes*> current_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<const EventTypes>> versions_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace weir::server

#endif  // WEIR_SERVER_SCHEMA_TYPES_IN_FORCE_H_
