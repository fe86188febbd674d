// What the hub does because the upstream goes, comes, or comes back: tells those readers that want to know, and brings
// those on that waited. There may be very many of both, so each handler looks after a few, and others have their turn
// between them.
#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "edge/fanout_hub.h"
#include "edge/fanout_internal.h"

namespace weir::edge {
namespace {

constexpr size_t kToldAtOnce = 256;
constexpr size_t kParkedLookedAtAtOnce = 1024;
constexpr size_t kSettledAtOnce = 32;

}  // namespace

void FanoutHub::SetUpstream(bool connected, absl::Time since) {
  upstream_connected_ = connected;
  upstream_data_ = fmt::format(R"({{"state":"{}","since":"{}"}})", connected ? "connected" : "disconnected",
                               absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", since, absl::UTCTimeZone()));
  const bool telling = untold_ > 0;
  untold_ = sessions_.size();
  if (!telling) {
    TellSome();
  }
}

// Backwards: a session that is closed takes the last one's place, which was looked at already, and a new one knows.
void FanoutHub::TellSome() {
  untold_ = std::min(untold_, sessions_.size());
  for (size_t i = 0; i < kToldAtOnce && untold_ > 0; ++i) {
    TellUpstream(*sessions_[--untold_].session);
    untold_ = std::min(untold_, sessions_.size());
  }
  if (untold_ > 0) {
    Post(&FanoutHub::TellSome);
  }
}

// While a block is on its way the session is not at a place for another: it is told when that is out.
void FanoutHub::TellUpstream(Session& session) {
  if (session.closed || session.output != nullptr || !session.started) {
    return;
  }
  block_.Clear();
  AppendUpstream(session, block_.body());
  if (!block_.empty()) {
    SendBlock(session, block_);
  }
}

// Nothing, unless the upstream's state is another than the reader believes. Without an id: it is no place in the log.
void FanoutHub::AppendUpstream(Session& session, std::string& out) {
  const std::string& event = session.channel->route->upstream_event;
  if (event.empty() || session.told_away == !upstream_connected_) {
    return;
  }
  session.told_away = !upstream_connected_;
  AppendControl(session.channel->framing, event, "", upstream_data_, -1, out);
}

// Brings those on whose cursor the hub has reached. Goes round: each is looked at once after each turn that moved on.
void FanoutHub::SettleParked() {
  for (size_t i = 0; i < kParkedLookedAtAtOnce && parked_unseen_ > 0 && !parked_.empty(); ++i) {
    --parked_unseen_;
    if (parked_next_ == 0 || parked_next_ > parked_.size()) {
      parked_next_ = parked_.size();
    }
    Session& session = *parked_[--parked_next_];
    if (session.started && InTail(session.cursor, *session.channel->route)) {
      Unpark(session);
      RunLater(session);
    }
  }
  if (parked_.empty()) {
    parked_unseen_ = 0;
  }
  if (parked_unseen_ > 0 && !settling_parked_) {
    settling_parked_ = true;
    Post(&FanoutHub::SettleMoreParked);
  }
}

void FanoutHub::SettleMoreParked() {
  settling_parked_ = false;
  SettleParked();
}

// Goes on with the session when others had their turn.
void FanoutHub::RunLater(Session& session) {
  ++session.pending;
  later_.push_back(&session);
  if (!running_later_) {
    running_later_ = true;
    Post(&FanoutHub::RunThose);
  }
}

void FanoutHub::RunThose() {
  for (size_t i = std::min(later_.size(), kSettledAtOnce); i > 0; --i) {
    Session* const session = later_.front();
    later_.pop_front();
    --session->pending;
    if (!Dead(*session)) {
      GoOn(*session);
    }
  }
  running_later_ = !later_.empty();
  if (running_later_) {
    Post(&FanoutHub::RunThose);
  }
}

}  // namespace weir::edge
