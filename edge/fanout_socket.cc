// What the hub does with sockets.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <utility>

#include "base/sockets.h"
#include "edge/fanout_hub.h"
#include "edge/fanout_internal.h"
#include "edge/send_buffer.h"
#include "edge/websocket/answers.h"
#include "edge/websocket/frames.h"

namespace weir::edge {
namespace {

// Longer than the slow reader's limit: it would also kill readers that merely stopped.
constexpr absl::Duration kUserTimeoutMargin = absl::Seconds(30);

// TCP_NOTSENT_LOWAT: what the kernel takes beyond what the peer's window and the network's allow to send, give or take
// a segment. More would only be older when it arrives; a reader that stops has so much less in the kernel's memory, and
// while a thousand of them fill it, the others wait.
constexpr int kUnsentBytes = 16 * 1024;

// What the last frame of a WebSocket says.
uint16_t CloseCodeOf(CloseReason reason, bool gone) {
  switch (reason) {
    case CloseReason::kAge:
    case CloseReason::kDrain:
    case CloseReason::kReload:
      return gone ? close_code::kGone : close_code::kGoingAway;
    case CloseReason::kExpired:
    case CloseReason::kRevoked:
      return close_code::kToken;
    default:
      return close_code::kInternal;
  }
}

}  // namespace

void FanoutHub::PrepareSocket(Session& session) {
  const int fd = session.transport.fd();
  boost::system::error_code ignored;
  session.transport.socket().native_non_blocking(true, ignored);
  SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  SetOption(fd, SOL_SOCKET, SO_SNDBUF, SendBufferOption(options_.send_buffer_bytes));
  SetOption(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, kUnsentBytes);
  SetOption(fd, IPPROTO_TCP, TCP_USER_TIMEOUT,
            static_cast<int>(absl::ToInt64Milliseconds(std::min(options_.slow_reader_timeout, absl::Hours(1)) +
                                                       kUserTimeoutMargin)));
}

void FanoutHub::Send(Session& session, std::string_view bytes) {
  const ssize_t sent = session.transport.Send(bytes);
  if (sent < 0 && !MayTryAgain(errno)) {
    Close(session, CloseReason::kError);
    return;
  }
  const size_t taken = sent < 0 ? 0 : static_cast<size_t>(sent);
  counters_.bytes_sent.Add(taken);
  if (taken < bytes.size()) {
    Stall(session, std::make_shared<const std::string>(bytes.substr(taken)), 0);
  }
}

void FanoutHub::SendBlock(Session& session, Block& block) { Send(session, block.Finish(session.channel->chunked)); }

// The kernel took only `offset` bytes. A live session is no longer live. A page of history is not kept meanwhile: the
// cursor describes the place, but for a snapshot's.
void FanoutHub::Stall(Session& session, std::shared_ptr<const std::string> bytes, size_t offset) {
  if (session.state == Session::State::kLive) {
    LeaveLive(session);
  }
  if (CatchUp* const catch_up = session.catch_up.get();
      catch_up != nullptr && catch_up->page != nullptr && catch_up->start.kind != ReadStart::Kind::kLast) {
    catch_up->page.reset();
    catch_up->page_token.clear();
    if (session.started) {
      catch_up->start.kind = ReadStart::Kind::kAfter;
    }
  }
  session.output = std::make_unique<Output>(Output{std::move(bytes), offset, NowMs(), NowMs()});
  counters_.lagging.Add();
  if (options_.slow_reader_timeout != absl::InfiniteDuration()) {
    DueAt(session, session.output->since_ms + absl::ToInt64Milliseconds(options_.slow_reader_timeout));
  }
  ArmWrite(session);
}

void FanoutHub::ArmRead(Session& session) {
  ++session.pending;
  session.transport.WhenReadable(OnReadable{this, &session});
}

void FanoutHub::ArmWrite(Session& session) {
  ++session.pending;
  session.transport.WhenWritable(OnWritable{this, &session});
}

// Clients have nothing to say on an SSE stream: what they send is dropped, and the end of it is the end of the stream.
void FanoutHub::Readable(Session& session, boost::system::error_code error) {
  --session.pending;
  if (Dead(session)) {
    return;
  }
  if (session.web_socket != nullptr && !error) {
    Receive(session);
    return;
  }
  static thread_local std::array<char, 16 * 1024> dropped;
  const ssize_t got = error ? 0 : session.transport.Receive(dropped.data(), dropped.size());
  if (got > 0 || (got < 0 && MayTryAgain(errno))) {
    ArmRead(session);
    return;
  }
  Close(session, got == 0 ? CloseReason::kClient : CloseReason::kError);
}

void FanoutHub::Writable(Session& session, boost::system::error_code error) {
  --session.pending;
  if (Dead(session)) {
    return;
  }
  if (error) {
    Close(session, CloseReason::kError);
    return;
  }
  Output& output = *session.output;
  if (output.bytes == nullptr) {
    const int64_t begun_ms = output.begun_ms;
    session.output.reset();
    counters_.lagging.Subtract();
    if (session.web_socket != nullptr) {
      HearAgain(session, begun_ms);
    }
    TellUpstream(session);
    GoOn(session);
    return;
  }
  const std::string_view rest = std::string_view(*output.bytes).substr(output.offset);
  const ssize_t sent = session.transport.Send(rest);
  if (sent < 0 && !MayTryAgain(errno)) {
    Close(session, CloseReason::kError);
    return;
  }
  if (sent > 0) {
    counters_.bytes_sent.Add(static_cast<uint64_t>(sent));
    output.offset += static_cast<size_t>(sent);
  }
  if (session.transport.TookMore() || sent > 0) {
    output.since_ms = NowMs();
  }
  if (output.offset == output.bytes->size()) {
    output.bytes.reset();  // whether there is room for more is not known
  }
  ArmWrite(session);
}

// True when the session was closed; it is freed when its last operation has called back.
bool FanoutHub::Dead(Session& session) {
  if (!session.closed) {
    return false;
  }
  if (session.pending == 0) {
    closing_.erase(&session);
    delete &session;
  }
  return true;
}

// Goes on with the session when its socket has room; others have their turn before.
void FanoutHub::AwaitRoom(Session& session) { Stall(session, nullptr, 0); }

// Out of the channel's array; the session's place is its own again.
void FanoutHub::LeaveLive(Session& session) {
  std::vector<Channel::Reader>& readers = session.channel->readers;
  readers[session.place] = readers.back();
  readers[session.place].session->place = session.place;
  readers.pop_back();
  session.state = Session::State::kBehind;
  session.cursor = Cursor{epoch_, position_};
  session.generation = generation_;
}

// A clean end, with a last event where the stream is at a place for it. `gone`: there is nothing to come back to.
void FanoutHub::End(Session& session, CloseReason reason, bool gone) {
  const bool at_place = session.output == nullptr || session.output->bytes == nullptr;
  const bool web_socket = session.web_socket != nullptr;
  if (at_place) {
    block_.Clear();
    if (!web_socket || !gone) {
      AppendFarewell(session, reason, block_.body());
    }
    if (web_socket) {
      AppendClose(CloseCodeOf(reason, gone), reason == CloseReason::kRevoked ? edge::reason::kTokenRevoked : "",
                  block_.body());
    }
    std::string bytes;
    if (!block_.empty()) {
      bytes = block_.Finish(session.channel->chunked);
    }
    if (session.channel->chunked) {
      bytes += kLastChunk;
    }
    session.transport.Send(bytes);
    counters_.bytes_sent.Add(bytes.size());
  }
  Close(session, reason, at_place && web_socket);
}

void FanoutHub::AppendFarewell(Session& session, CloseReason reason, std::string& out) {
  const Framing framing = session.channel->framing;
  if (session.started &&
      (reason == CloseReason::kDrain || reason == CloseReason::kReload || reason == CloseReason::kAge)) {
    // With the id it resumes from the tail, also where it had no event for long.
    const bool live = session.state == Session::State::kLive;
    const std::string cursor = live ? Cursor{epoch_, position_}.ToString() : "";
    const int64_t retry_ms = retry_max_ms_ == 0 ? 0 : static_cast<int64_t>(random_() % (retry_max_ms_ + 1));
    AppendControl(framing, "weir.draining", cursor, "{}", retry_ms, out);
  } else if (session.started && (reason == CloseReason::kExpired || reason == CloseReason::kRevoked)) {
    AppendControl(framing, "weir.auth_expired", "", reason == CloseReason::kRevoked ? R"({"reason":"revoked"})" : "{}",
                  -1, out);
  }
}

void FanoutHub::Close(Session& session, CloseReason reason, bool lingers) {
  if (session.closed) {
    return;
  }
  if (session.state == Session::State::kLive) {
    LeaveLive(session);
  } else if (session.state == Session::State::kParked) {
    Unpark(session);
  }
  session.closed = true;
  sessions_[session.slot] = sessions_.back();
  sessions_[session.slot].session->slot = session.slot;
  sessions_.pop_back();
  session.catch_up.reset();
  if (session.output != nullptr) {
    session.output.reset();
    counters_.lagging.Subtract();
  }
  session.heartbeat_data.reset();
  if (session.web_socket != nullptr) {
    session.web_socket.reset();
    counters_.open_web_sockets.Subtract();
  }
  connections_.Close(session.connections);
  channels_.Leave(session.channel);
  counters_.open_streams.Subtract();
  counters_.closed[static_cast<size_t>(reason)].Add();
  counters_.CountDuration(NowMs() - session.opened_ms);

  if (reason == CloseReason::kSlow || reason == CloseReason::kVanished) {
    session.transport.Abort();  // what the kernel holds for it is freed now, not when TCP gives up
  } else if (lingers) {
    session.transport.Cancel();
    lingering_.Take(std::move(session.transport), std::move(session.address), NowMs());
  } else {
    session.transport.Close();
  }
  session.address = ConnectionCounts::Held();
  if (session.pending > 0) {
    closing_.insert(&session);
  } else {
    graveyard_.push_back(&session);  // the caller may still look at it
    if (graveyard_.size() == 1) {
      Post(&FanoutHub::Bury);
    }
  }
  if (draining_ && sessions_.empty()) {
    Post(&FanoutHub::FinishDrain);
  }
}

void FanoutHub::Bury() {
  for (Session* const session : std::exchange(graveyard_, {})) {
    delete session;
  }
}

}  // namespace weir::edge
