// Pieces that only the hub's own files share.
#ifndef WEIR_EDGE_FANOUT_INTERNAL_H_
#define WEIR_EDGE_FANOUT_INTERNAL_H_

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "edge/fanout_hub.h"

namespace weir::edge {

inline bool MayTryAgain(int error) { return error == EAGAIN || error == EINTR; }

// Whether a failed read of history may succeed later.
inline bool IsPassing(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kDataLoss:
      return false;
    default:
      return true;
  }
}

// Where a client asked to begin, within what the route allows.
inline ReadStart AllowedStart(ReadStart start, const Route& route, absl::Time now) {
  if (route.replay_max != absl::InfiniteDuration()) {
    // Whole seconds, so that readers that come together ask the same.
    const absl::Time earliest = absl::FromUnixSeconds(absl::ToUnixSeconds(now - route.replay_max));
    if (start.kind == ReadStart::Kind::kEarliest) {
      start.kind = ReadStart::Kind::kTime;
      start.time = earliest;
    } else if (start.kind == ReadStart::Kind::kTime) {
      start.time = std::max(start.time, earliest);
    }
  }
  return start;
}

// Whether the next page has to be asked for by the token: only a snapshot holds together. A time was resolved with the
// first page: every event behind that page's cursor is later.
inline bool KeepsToken(ReadStart::Kind kind) { return kind == ReadStart::Kind::kLast; }

// Whether the route shows that type.
inline bool Shows(const Route& route, std::string_view type_name) {
  return route.types.empty() || route.types.contains(type_name);
}

// Lets other threads post to a hub that may be gone.
struct FanoutHub::Gate {
  explicit Gate(FanoutHub* h) : hub(h) {}

  void Post(std::function<void(FanoutHub&)> action) {
    const std::lock_guard<std::mutex> lock(mutex);
    if (hub != nullptr) {
      boost::asio::post(hub->context_, [to = hub, act = std::move(action)] { act(*to); });
    }
  }
  void Close() {
    const std::lock_guard<std::mutex> lock(mutex);
    hub = nullptr;
  }

  std::mutex mutex;
  FanoutHub* hub ABSL_GUARDED_BY(mutex);
};

struct FanoutHub::PollOperation {
  uint64_t id = 0;
  PollRequest request;
  PollDone done;
  Channel* channel = nullptr;
  bool waiting = false;    // for an event: the server has judged its cursor
  bool listed = false;     // in the channel's polls
  size_t place = 0;        // there
  bool has_place = false;  // cursor is meaningful
  Cursor cursor;
  std::string items;  // comma-separated
  size_t count = 0;
  bool more = false;
  std::optional<GapInfo> gap;
  std::string page_token;
  int pages = 0;
  int64_t deadline_ms = 0;
  std::shared_ptr<HistoryTicket> ticket;  // a read is under way
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_FANOUT_INTERNAL_H_
