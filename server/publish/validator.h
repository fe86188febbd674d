// Judges one event as a publisher wrote it, from its wire bytes, and makes it what the log stores: canonical, without
// output-only fields, with an id and with the standard type URL.
//
// The fast path reads views and copies nothing. Bytes that are well-formed but not canonical are rewritten through
// message objects first (the slow path); the outcome is the same. Any thread; the types must outlive it.
#ifndef WEIR_SERVER_PUBLISH_VALIDATOR_H_
#define WEIR_SERVER_PUBLISH_VALIDATOR_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/event_view.h"
#include "log/log_engine.h"
#include "server/auth/access_rules.h"
#include "server/rpc/error.h"
#include "server/schema/types_in_force.h"

namespace weir::server {

inline constexpr size_t kEventBytesMaxDefault = 1 << 20;
inline constexpr size_t kEventIdBytesMax = 64;
inline constexpr size_t kAttributesMax = 16;
inline constexpr size_t kAttributeValueBytesMax = 256;

// Makes the id of an event that came without one. Any thread.
using EventIdMaker = std::function<std::string()>;

class Validator {
 public:
  // `clock` judges the times of revocations of tokens.
  Validator(const TypesInForce& types, size_t event_bytes_max, EventIdMaker make_id, Clock clock = SystemClock());

  // Judges the Event in `bytes`. When it is good, fills `event`, whose views point into `bytes` and into strings added
  // to `made`. Otherwise says why not; the reasons are those of event.proto, and PUBLISH_DENIED.
  std::optional<Fault> Validate(std::string_view bytes, std::deque<std::string>& made, log::NewEvent& event,
                                const Rights& rights = {}) const;

 private:
  std::optional<Fault> CheckPayload(const EventView& view, std::deque<std::string>& made, log::NewEvent& event) const;

  const TypesInForce& types_;
  const size_t event_bytes_max_;
  const EventIdMaker make_id_;
  const Clock clock_;
};

}  // namespace weir::server

#endif  // WEIR_SERVER_PUBLISH_VALIDATOR_H_
