// What the hub does because of the time: heartbeats, deadlines, draining. One sweep per thread over a dense array,
// instead of a timer per stream.
#include <algorithm>
#include <optional>
#include <utility>

#include "edge/fanout_hub.h"
#include "edge/fanout_internal.h"
#include "edge/tcp_progress.h"
#include "edge/websocket/frames.h"

namespace weir::edge {
namespace {

// A client that has answered none of so many pings by the time of the next is gone.
constexpr uint8_t kPingsUnansweredMax = 2;

}  // namespace

void FanoutHub::ArmSweep() {
  if (options_.sweep_interval == absl::InfiniteDuration()) {
    return;
  }
  sweep_timer_.expires_after(absl::ToChronoMilliseconds(options_.sweep_interval));
  sweep_timer_.async_wait([this](boost::system::error_code error) {
    if (!error) {
      Sweep();
      ArmSweep();
    }
  });
}

void FanoutHub::Sweep() {
  const int64_t now = NowMs();
  // Backwards: a session that is closed takes the last one's place, which was looked at already.
  for (size_t i = sessions_.size(); i-- > 0;) {
    if (sessions_[i].due_ms <= now) {
      Tend(*sessions_[i].session, now);
    }
  }
  SweepPolls(now);
  lingering_.Sweep(now);
}

void FanoutHub::Tend(Session& session, int64_t now) {
  if (session.ends_ms <= now) {
    End(session, session.draining ? CloseReason::kDrain : session.aged ? CloseReason::kAge : CloseReason::kExpired);
    return;
  }
  int64_t slow_at_ms = INT64_MAX;
  if (session.output != nullptr && options_.slow_reader_timeout != absl::InfiniteDuration()) {
    slow_at_ms = session.output->since_ms + absl::ToInt64Milliseconds(options_.slow_reader_timeout);
    if (slow_at_ms <= now) {
      Close(session, CloseReason::kSlow);
      return;
    }
  }
  if (RestDueMs(session) <= now) {
    EndUnfinished(session);
    return;
  }
  if (session.heartbeat_ms <= now) {
    session.heartbeat_ms = now + absl::ToInt64Milliseconds(session.channel->route->heartbeat_interval);
    Heartbeat(session);
    CheckPeer(session);
  }
  if (!session.closed && session.state == Session::State::kParked && session.catch_up != nullptr &&
      session.catch_up->ask_at_ms != 0 && session.catch_up->ask_at_ms <= now) {
    Unpark(session);
    Settle(session);
  }
  if (session.closed) {
    return;
  }
  // Whoever set an earlier time meanwhile did so for a reason that is among these.
  int64_t due = std::min({session.ends_ms, session.heartbeat_ms, slow_at_ms, RestDueMs(session)});
  if (session.output != nullptr && options_.slow_reader_timeout != absl::InfiniteDuration()) {
    due = std::min(due, session.output->since_ms + absl::ToInt64Milliseconds(options_.slow_reader_timeout));
  }
  if (session.state == Session::State::kParked && session.catch_up != nullptr && session.catch_up->ask_at_ms != 0) {
    due = std::min(due, session.catch_up->ask_at_ms);
  }
  sessions_[session.slot].due_ms = due;
}

// A stream whose bytes wait needs no sign of life. The id is what was given, so only a live stream has one to tell. A
// WebSocket is pinged as well, for an answer that only a living client gives.
void FanoutHub::Heartbeat(Session& session) {
  WebSocket* const web_socket = session.web_socket.get();
  if (session.output != nullptr) {
    if (web_socket != nullptr) {
      web_socket->unanswered = 0;  // it cannot have seen what stands behind those bytes
    }
    return;
  }
  if (web_socket != nullptr && web_socket->unanswered++ == kPingsUnansweredMax) {
    Close(session, CloseReason::kVanished);
    return;
  }
  const Route& route = *session.channel->route;
  block_.Clear();
  const bool named = !route.heartbeat_event.empty() && session.heartbeat_data != nullptr && session.started;
  if (named) {
    const bool live = session.state == Session::State::kLive;
    const std::string cursor = live ? Cursor{epoch_, position_}.ToString() : "";
    AppendControl(session.channel->framing, route.heartbeat_event, cursor,
                  session.heartbeat_data->Render(ValuesFor(session, cursor)), -1, block_.body());
  } else if (web_socket == nullptr) {
    block_.body() += ":\n";
  }
  if (web_socket != nullptr) {
    AppendFrame(Opcode::kPing, "", block_.body());
    web_socket->pongs_due += web_socket->pongs_due < UINT8_MAX ? 1 : 0;
  }
  counters_.heartbeats_sent.Add();
  SendBlock(session, block_);
}

void FanoutHub::SetEnd(Session& session, absl::Time expires, absl::Duration age_max) {
  session.ends_ms = EndMs(expires);
  session.aged = false;
  if (age_max != absl::InfiniteDuration()) {
    const int64_t oldest_ms = session.opened_ms + absl::ToInt64Milliseconds(age_max);
    session.aged = oldest_ms < session.ends_ms;
    session.ends_ms = std::min(session.ends_ms, oldest_ms);
  }
}

int64_t FanoutHub::EndMs(absl::Time expires) const {
  return expires == absl::InfiniteFuture() ? INT64_MAX : NowMs() + absl::ToInt64Milliseconds(expires - options_.now());
}

// What was on its way at the last heartbeat has had a whole interval to arrive.
void FanoutHub::CheckPeer(Session& session) {
  const std::optional<TcpProgress> progress = session.closed ? std::nullopt : TcpProgressOf(session.transport.fd());
  if (!progress) {
    return;
  }
  if (progress->PeerVanished(session.written_mark,
                             absl::ToInt64Milliseconds(session.channel->route->heartbeat_interval))) {
    Close(session, CloseReason::kVanished);
    return;
  }
  session.written_mark = progress->written;
}

void FanoutHub::DueAt(Session& session, int64_t at_ms) {
  Entry& entry = sessions_[session.slot];
  entry.due_ms = std::min(entry.due_ms, at_ms);
}

FrameValues FanoutHub::ValuesFor(const Session& session, std::string_view cursor) const {
  FrameValues values;
  values.now = options_.now();
  values.connections = session.connections->open();
  values.cursor = cursor;
  return values;
}

void FanoutHub::Drain(absl::Duration window, absl::Duration retry_max, std::function<void()> done) {
  draining_ = true;
  drain_done_ = std::move(done);
  retry_max_ms_ = std::max<int64_t>(0, absl::ToInt64Milliseconds(retry_max));
  const int64_t now = NowMs();
  const int64_t window_ms = std::max<int64_t>(0, absl::ToInt64Milliseconds(window));
  // Evenly: the n-th of N streams at n/N of the window. The order is that of the sessions' array, which is arbitrary.
  for (size_t i = 0; i < sessions_.size(); ++i) {
    Session& session = *sessions_[i].session;
    session.draining = true;
    // Its token may end before its turn.
    session.ends_ms =
        std::min(session.ends_ms, now + window_ms * static_cast<int64_t>(i) / static_cast<int64_t>(sessions_.size()));
    DueAt(session, session.ends_ms);
  }
  if (sessions_.empty()) {
    Post(&FanoutHub::FinishDrain);
  }
  Sweep();
}

void FanoutHub::FinishDrain() {
  if (sessions_.empty() && drain_done_) {
    std::exchange(drain_done_, nullptr)();
  }
}

}  // namespace weir::edge
