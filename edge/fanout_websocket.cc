// What the client of a WebSocket says, and what it is answered.
//
// A WebSocket is a stream like another; only its bytes look different. Its client may speak as well: each message is
// answered at once, at the end of a frame. While bytes wait for the socket there is no such place, so then nothing is
// read: a client that takes no answers is not heard, and nothing grows. What was received at once and could not all be
// answered waits in Incoming.
#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "edge/fanout_hub.h"
#include "edge/fanout_internal.h"
#include "edge/websocket/allowed_filters.h"
#include "edge/websocket/answers.h"
#include "edge/websocket/frames.h"

namespace weir::edge {
namespace {

// What one client says before others have their turn.
constexpr int kMessagesInARow = 32;
// Answers that are gathered for one write.
constexpr size_t kAnswersBytes = 4096;
// A read of history that was asked for by filters that no longer hold goes on at the server: one client that changes
// them again and again may not have many under way.
constexpr int64_t kDroppedReadMs = 100;

}  // namespace

// Returns what is sent first.
std::string FanoutHub::BecomeWebSocket(Session& session, WebSocketRequest& request, std::string& received) {
  session.web_socket = std::make_unique<WebSocket>();
  session.web_socket->judge = request.judge;
  session.web_socket->identity = request.identity;
  session.web_socket->limits = request.limits;
  session.web_socket->messages = request.messages;
  session.web_socket->allowed = std::move(request.allowed);
  received = std::move(request.received);
  counters_.open_web_sockets.Add();
  counters_.received[static_cast<size_t>(MessageKind::kAuth)].Add();
  return std::move(request.answer);
}

// From now on the client is heard. `received`: what it has said already.
void FanoutHub::Listen(Session& session, const std::string& received) {
  if (received.empty()) {
    ArmRead(session);
  } else {
    TakeMessages(session, received);
  }
}

// There may be room for an answer again.
void FanoutHub::ReadOn(Session& session) {
  WebSocket& web_socket = *session.web_socket;
  if (session.output != nullptr) {
    return;
  }
  if (web_socket.incoming != nullptr && !web_socket.incoming->waiting.empty()) {
    TakeMessages(session, std::exchange(web_socket.incoming->waiting, {}));
  } else if (std::exchange(web_socket.unread, false)) {
    Receive(session);
  }
}

// The socket has bytes, or has ended.
void FanoutHub::Receive(Session& session) {
  if (session.output != nullptr) {
    session.web_socket->unread = true;
    return;
  }
  static thread_local std::array<char, kClientMessageBytesMax> buffer;
  const ssize_t got = session.transport.Receive(buffer.data(), buffer.size());
  if (got > 0) {
    TakeMessages(session, {buffer.data(), static_cast<size_t>(got)});
    // What it subscribed to, it reads.
    if (!session.closed) {
      Settle(session);
    }
  } else if (got < 0 && MayTryAgain(errno)) {
    ArmRead(session);
  } else {
    Close(session, got == 0 ? CloseReason::kClient : CloseReason::kError);
  }
}

// Answers as long as there is room, and keeps the rest.
void FanoutHub::TakeMessages(Session& session, std::string_view bytes) {
  WebSocket& web_socket = *session.web_socket;
  web_socket.unanswered = 0;
  if (web_socket.incoming == nullptr) {
    web_socket.incoming = std::make_unique<Incoming>();
  }
  std::string answers;
  for (int i = 0; i < kMessagesInARow && session.output == nullptr; ++i) {
    const ClientFrames::Item item = web_socket.incoming->frames.Next(bytes);
    if (item.kind == ClientFrames::Kind::kMore) {
      break;
    }
    if (web_socket.incoming->frames.idle()) {
      web_socket.incoming->due_ms = INT64_MAX;
    }
    if ((item.says() && !MaySay(session, item, answers)) || !Answer(session, item, answers)) {
      return;
    }
    if (answers.size() >= kAnswersBytes) {
      Send(session, std::exchange(answers, {}));
      if (session.closed) {
        return;
      }
    }
  }
  AwaitRest(session);
  if (!answers.empty()) {
    Send(session, answers);
    if (session.closed) {
      return;
    }
  }
  if (!bytes.empty()) {
    web_socket.incoming->waiting = bytes;
    if (session.output == nullptr) {
      RunLater(session);
    }
    return;
  }
  if (web_socket.incoming->frames.idle()) {
    web_socket.incoming.reset();
  }
  ArmRead(session);
}

// A deadline for what has begun, once. What comes between does not move it: pings within a message.
void FanoutHub::AwaitRest(Session& session) {
  Incoming& incoming = *session.web_socket->incoming;
  const absl::Duration timeout = session.web_socket->limits.message_timeout;
  if (!incoming.frames.idle() && incoming.due_ms == INT64_MAX && timeout != absl::InfiniteDuration()) {
    incoming.due_ms = NowMs() + absl::ToInt64Milliseconds(timeout);
    DueAt(session, incoming.due_ms);
  }
}

// When that is over. Never while bytes wait for its socket.
int64_t FanoutHub::RestDueMs(const Session& session) {
  const WebSocket* const web_socket = session.web_socket.get();
  const bool heard = web_socket != nullptr && web_socket->incoming != nullptr && session.output == nullptr;
  return heard ? web_socket->incoming->due_ms : INT64_MAX;
}

void FanoutHub::EndUnfinished(Session& session) {
  std::string answers;
  AppendError(reason::kDeadline, "a message or a frame that was begun was not finished in time", answers);
  EndMessages(session, close_code::kDeadline, reason::kDeadline, answers, CloseReason::kDeadline);
}

// Its socket had no room since then.
void FanoutHub::HearAgain(Session& session, int64_t unheard_since_ms) {
  Incoming* const incoming = session.web_socket->incoming.get();
  if (incoming != nullptr && incoming->due_ms != INT64_MAX) {
    incoming->due_ms += NowMs() - unheard_since_ms;
    DueAt(session, incoming->due_ms);
  }
}

// Counts a message, or a control frame, but no pong that was asked for. Returns false when it was one too many, and the
// stream has ended.
bool FanoutHub::MaySay(Session& session, const ClientFrames::Item& item, std::string& answers) {
  WebSocket& web_socket = *session.web_socket;
  if (item.kind == ClientFrames::Kind::kPong && web_socket.pongs_due > 0) {
    --web_socket.pongs_due;
    return true;
  }
  const size_t per_minute = web_socket.limits.messages_per_minute;
  const TokenBucket::Instant now{std::chrono::milliseconds(NowMs())};
  if (per_minute == 0 || web_socket.messages.Take(per_minute, now)) {
    return true;
  }
  AppendError(reason::kTooManyMessages, kTooManyMessagesDetail, answers);
  return EndMessages(session, close_code::kTooMany, reason::kTooManyMessages, answers, CloseReason::kRate);
}

// Returns false when the stream has ended.
bool FanoutHub::Answer(Session& session, const ClientFrames::Item& item, std::string& answers) {
  using Kind = ClientFrames::Kind;
  switch (item.kind) {
    case Kind::kText:
      return AnswerMessage(session, item.payload, answers);
    case Kind::kPing:
      AppendFrame(Opcode::kPong, item.payload, answers);
      return true;
    case Kind::kClose:
      return EndMessages(session, item.code, "", answers, CloseReason::kClient);
    case Kind::kFault:
      counters_.received[static_cast<size_t>(MessageKind::kInvalid)].Add();
      return EndMessages(session, item.code, item.payload, answers, CloseReason::kProtocol);
    default:
      return true;
  }
}

bool FanoutHub::AnswerMessage(Session& session, std::string_view text, std::string& answers) {
  ClientMessage message = ReadClientMessage(text);
  const auto count = [this](MessageKind kind) { counters_.received[static_cast<size_t>(kind)].Add(); };
  const auto* const auth = std::get_if<AuthMessage>(&message);
  if (auth != nullptr && (auth->cursor || auth->start || auth->filters)) {
    message = BadMessage{"`cursor`, `start` and `filters` belong to the first `auth` only"};
  }
  if (const auto* const bad = std::get_if<BadMessage>(&message)) {
    count(MessageKind::kInvalid);
    AppendError(reason::kMessageInvalid, bad->detail, answers);
    return EndMessages(session, close_code::kMessage, reason::kMessageInvalid, answers, CloseReason::kProtocol);
  }
  if (auth != nullptr) {
    count(MessageKind::kAuth);
    return AnswerAuth(session, *auth, answers);
  }
  if (const auto* const subscribe = std::get_if<SubscribeMessage>(&message)) {
    count(MessageKind::kSubscribe);
    AnswerSubscribe(session, *subscribe, answers);
    return true;
  }
  count(MessageKind::kPing);
  AppendPongMessage(answers);
  return true;
}

// A new token takes the old one's place, and nothing else changes.
bool FanoutHub::AnswerAuth(Session& session, const AuthMessage& message, std::string& answers) {
  WebSocket& web_socket = *session.web_socket;
  const std::variant<Renewal, Refusal> judged =
      web_socket.judge->Renew(*session.channel->route, web_socket.identity, message.token, options_.now());
  if (const auto* const refusal = std::get_if<Refusal>(&judged)) {
    AppendAuthError(refusal->reason, refusal->detail, answers);
    return EndMessages(session, refusal->close_code, refusal->reason, answers, CloseReason::kRefused);
  }
  const Renewal& renewal = std::get<Renewal>(judged);
  session.token = renewal.token;
  if (!session.draining) {
    SetEnd(session, renewal.ends, renewal.age_max);
    DueAt(session, session.ends_ms);
  }
  AppendAuthSuccess(renewal.expires, answers);
  return true;
}

void FanoutHub::AnswerSubscribe(Session& session, const SubscribeMessage& message, std::string& answers) {
  std::vector<std::string> filters = session.channel->filters;
  for (size_t i = 0; i < message.filters.size(); ++i) {
    const std::string& filter = message.filters[i];
    if (!message.adds) {
      filters.erase(std::remove(filters.begin(), filters.end(), filter), filters.end());
      continue;
    }
    if (!IsAllowedFilter(filter, session.web_socket->allowed)) {
      AppendError(reason::kFilterNotAllowed, FilterComplaint(i), answers);
      return;
    }
    filters.push_back(filter);
  }
  std::sort(filters.begin(), filters.end());
  filters.erase(std::unique(filters.begin(), filters.end()), filters.end());
  if (filters.size() > kWebSocketFiltersMax) {
    AppendError(reason::kTooManyFilters, "a connection has at most 64 filters", answers);
    return;
  }
  if (filters != session.channel->filters) {
    MoveTo(session, filters);
  }
  const bool live = session.state == Session::State::kLive;
  const Cursor cursor = live ? Cursor{epoch_, position_} : session.cursor;
  AppendSubscribed(filters, session.started ? cursor.ToString() : "", answers);
}

// Reads by other filters from its present place on: everything up to there was given to it by the old ones. What was
// asked of history for the old ones is dropped, and asked anew.
void FanoutHub::MoveTo(Session& session, const std::vector<std::string>& filters) {
  if (session.state == Session::State::kLive) {
    LeaveLive(session);
  } else if (session.state == Session::State::kParked) {
    Unpark(session);
  }
  if (CatchUp* const catch_up = session.catch_up.get(); catch_up != nullptr) {
    if (catch_up->ticket != nullptr) {
      catch_up->ask_at_ms = std::max(catch_up->ask_at_ms, NowMs() + kDroppedReadMs);
      catch_up->ticket.reset();
    }
    catch_up->page.reset();
    catch_up->gap_due = false;
    catch_up->page_token.clear();
    if (session.started) {
      catch_up->start.kind = ReadStart::Kind::kAfter;
    }
  }
  Channel* const from = session.channel;
  session.channel = channels_.Join(from->route, filters, from->framing, from->chunked);
  channels_.Leave(from);
}

// Without filters nothing is read, and so nothing missed: the session stands where the hub is, and goes with it. A
// place that the hub has not reached is waited for, so that nothing comes twice when there are filters again.
bool FanoutHub::StandAtHead(Session& session) {
  if (!session.started) {
    CatchUpOf(session).start.kind = ReadStart::Kind::kLatest;
    return true;
  }
  CountResume(session, ResumeResult::kResumed);
  if (session.cursor.epoch == epoch_ && session.cursor.sequence > position_) {
    Park(session);
    return false;
  }
  session.cursor = Cursor{epoch_, position_};
  session.generation = generation_;
  GoLive(session);
  return false;
}

// Sends the answers and a close frame. Returns false: the stream has ended.
bool FanoutHub::EndMessages(Session& session, uint16_t code, std::string_view why, std::string& answers,
                            CloseReason reason) {
  AppendClose(code, why, answers);
  session.transport.Send(answers);
  counters_.bytes_sent.Add(answers.size());
  Close(session, reason, true);
  return false;
}

}  // namespace weir::edge
