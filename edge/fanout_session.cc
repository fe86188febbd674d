// One stream's life: where it starts, and how it goes from one source to the next.
//
// The rule: read pages of history until the cursor is within the tail, then read the tail until the cursor is the hub's
// place, then be live. Sources are never merged, so nothing can be lost or doubled between them. Step does one of
// these; Settle repeats it until the stream has to wait for something: its socket, the server, or the tail.
#include <algorithm>
#include <utility>

#include "edge/fanout_hub.h"
#include "edge/fanout_internal.h"

namespace weir::edge {
namespace {

// What a stream that is behind is sent at once.
constexpr size_t kBlockBytes = 32 * 1024;
// Blocks in a row before it waits until its socket has room. A socket with room has it for the first; what it has none
// for of the second, as where the network is slower than the reader, is kept until it has.
constexpr int kBlocksInARow = 2;
// A cursor ahead of the tail: how long until the server is asked about it, and how often again.
constexpr int64_t kAheadMs = 1000;
constexpr int64_t kAskAgainMs = 5000;
constexpr int64_t kRetryMs = 1000;

ResumeResult ResultOf(GapReason reason) {
  switch (reason) {
    case GapReason::kOtherEpoch:
      return ResumeResult::kOtherEpoch;
    case GapReason::kBeyondHead:
      return ResumeResult::kBeyondHead;
    case GapReason::kMalformed:
      return ResumeResult::kMalformed;
    default:
      return ResumeResult::kExpired;
  }
}

bool BeginsAtHead(ReadStart::Kind kind) {
  return kind == ReadStart::Kind::kLatest || kind == ReadStart::Kind::kMalformedCursor;
}

}  // namespace

void FanoutHub::OpenStream(Transport transport, StreamRequest request) {
  auto* const session = new Session(std::move(transport));
  const Framing framing = request.web_socket ? Framing::kWebSocket : Framing::kSse;
  const bool chunked = !request.web_socket && request.chunked;
  session->channel = channels_.Join(request.reader.route, request.reader.filters, framing, chunked);
  session->connections = connections_.Open(request.reader.principal);
  session->address = std::move(request.address);
  session->heartbeat_data = request.heartbeat_data;
  session->resumed = request.reader.resumed;
  session->token = request.reader.token;
  session->opened_ms = NowMs();
  session->heartbeat_ms = session->opened_ms + absl::ToInt64Milliseconds(request.reader.route->heartbeat_interval);
  SetEnd(*session, request.reader.expires, request.reader.age_max);
  session->slot = static_cast<uint32_t>(sessions_.size());
  sessions_.push_back({session, std::min(session->heartbeat_ms, session->ends_ms)});
  counters_.open_streams.Add();
  PrepareSocket(*session);

  block_.Clear();
  Begin(*session, request, block_.body());
  std::string received;
  std::string bytes = request.web_socket ? BecomeWebSocket(*session, *request.web_socket, received)
                                         : StreamHead(chunked, request.extra_headers);
  bytes += block_.Finish(chunked);
  Send(*session, bytes);
  if (!session->closed) {
    request.web_socket ? Listen(*session, received) : ArmRead(*session);
  }
  if (!session->closed) {
    Settle(*session);
  }
  if (draining_ && !session->closed) {
    session->draining = true;
    End(*session, CloseReason::kDrain);
  }
}

// Writes the first block if the place where reading starts is known.
void FanoutHub::Begin(Session& session, const StreamRequest& request, std::string& body) {
  const ReadStart start = AllowedStart(request.reader.start, *session.channel->route, options_.now());
  if (start.kind == ReadStart::Kind::kAfter) {
    session.cursor = start.cursor;
    AppendConnected(session, request.connected_data.get(), body);
    return;
  }
  CatchUp& catch_up = CatchUpOf(session);
  catch_up.start = start;
  catch_up.connected_data = request.connected_data;
  if (generation_ != 0 && BeginsAtHead(start.kind)) {
    BeginAtHead(session, body);
  } else if (session.channel->framing == Framing::kSse) {
    body += ":\n";
  }
}

void FanoutHub::BeginAtHead(Session& session, std::string& body) {
  session.cursor = Cursor{epoch_, position_};
  session.generation = generation_;
  AppendConnected(session, session.catch_up->connected_data.get(), body);
  if (session.catch_up->start.kind == ReadStart::Kind::kMalformedCursor) {
    AppendGap(session, {GapReason::kMalformed, std::nullopt, session.cursor}, body);
    CountResume(session, ResumeResult::kMalformed);
  }
  session.catch_up.reset();
}

// After it had to wait: first what its client said meanwhile, then what it is to be sent.
void FanoutHub::GoOn(Session& session) {
  if (session.web_socket != nullptr) {
    ReadOn(session);
  }
  if (!session.closed) {
    Settle(session);
  }
}

void FanoutHub::Settle(Session& session) {
  for (int i = 0; i < kBlocksInARow; ++i) {
    if (!Step(session)) {
      return;
    }
  }
  if (!session.closed && session.output == nullptr) {
    AwaitRoom(session);
  }
}

// Returns false when the stream has to wait, or is live.
bool FanoutHub::Step(Session& session) {
  const CatchUp* const catch_up = session.catch_up.get();
  if (session.closed || session.output != nullptr || session.state != Session::State::kBehind ||
      (catch_up != nullptr && catch_up->ticket != nullptr)) {
    return false;
  }
  if (catch_up != nullptr && catch_up->page != nullptr) {
    return WritePage(session);
  }
  if (generation_ == 0) {
    Park(session);
    return false;
  }
  if (!session.started && BeginsAtHead(catch_up->start.kind)) {
    block_.Clear();
    BeginAtHead(session, block_.body());
    SendBlock(session, block_);
    return true;
  }
  if (session.generation != 0 && session.generation != generation_) {
    return WriteResetGap(session);
  }
  const bool in_snapshot = catch_up != nullptr && !catch_up->page_token.empty();
  if (session.started && !in_snapshot && InTail(session.cursor, *session.channel->route)) {
    return WriteTail(session);
  }
  if (session.channel->filters.empty()) {
    return StandAtHead(session);
  }
  AskServer(session);
  return false;
}

// The tail was reset since the session was given its cursor.
bool FanoutHub::WriteResetGap(Session& session) {
  session.generation = generation_;
  const Cursor resumed_at{epoch_, began_after_};
  // What the server gave it can judge again, unless its log went back: then it may seem to know the place.
  const bool from_server = session.catch_up != nullptr && session.catch_up->asked_generation != 0;
  if (Survives(session.cursor) || (from_server && began_because_ != GapReason::kBeyondHead)) {
    return true;
  }
  // The reason is of the last reset; the session may not have seen those before.
  const GapReason reason = session.cursor.epoch == epoch_ ? began_because_ : GapReason::kOtherEpoch;
  block_.Clear();
  AppendGap(session, {reason, session.cursor, resumed_at}, block_.body());
  if (session.catch_up != nullptr) {
    session.catch_up->page_token.clear();  // what a snapshot still had belongs to the log as it was
    session.catch_up->start.kind = ReadStart::Kind::kAfter;
  }
  SendBlock(session, block_);
  return true;
}

bool FanoutHub::WriteTail(Session& session) {
  CountResume(session, ResumeResult::kResumed);
  session.generation = generation_;
  const Route& route = *session.channel->route;
  block_.Clear();
  block_names_.clear();
  TailReader reader = tail_.ReaderAfter(generation_, session.cursor.sequence);
  TailReader::Step step = TailReader::Step::kEvent;
  while (block_.body_size() < kBlockBytes) {
    step = reader.Next(position_, &session.channel->filters);
    if (step != TailReader::Step::kEvent) {
      break;
    }
    if (Shows(route, reader.event().type_name())) {
      AppendEvent(*session.channel, reader.segment(), reader.position(), block_.body(), block_names_);
    }
    session.cursor.sequence = reader.event().sequence;
  }
  if (step == TailReader::Step::kEnd) {
    session.cursor.sequence = position_;
  }
  if (!block_.empty()) {
    CountNames(block_names_, 1);
    SendBlock(session, block_);
  }
  if (step == TailReader::Step::kEnd && !session.closed && session.output == nullptr) {
    GoLive(session);
    return false;
  }
  if (step == TailReader::Step::kGone && block_.empty()) {
    const TailState state = tail_.state();
    if (state.generation != generation_) {
      Park(session);  // the next turn begins the new generation
      return false;
    }
    covered_after_ = state.covered_after;
  }
  return true;
}

void FanoutHub::GoLive(Session& session) {
  session.catch_up.reset();
  session.state = Session::State::kLive;
  session.place = static_cast<uint32_t>(session.channel->readers.size());
  session.channel->readers.push_back({&session, session.transport.direct_fd()});
}

void FanoutHub::AskServer(Session& session) {
  CatchUp& catch_up = CatchUpOf(session);
  const int64_t now = NowMs();
  const bool ahead = session.started && session.cursor.epoch == epoch_ && session.cursor.sequence > position_;
  if (ahead && catch_up.ask_at_ms == 0) {
    catch_up.ask_at_ms = now + kAheadMs;  // nearly always the tail just lags a little
  }
  if (catch_up.ask_at_ms > now) {
    Park(session);
    return;
  }
  HistoryRequest request;
  request.filters = session.channel->filters;
  request.types.assign(session.channel->route->types.begin(), session.channel->route->types.end());
  std::sort(request.types.begin(), request.types.end());
  if (!session.started || !catch_up.page_token.empty()) {
    request.start = catch_up.start;
    request.page_token = catch_up.page_token;
  } else {
    request.start.kind = ReadStart::Kind::kAfter;
    request.start.cursor = session.cursor;
  }
  catch_up.asked_after = session.cursor;
  catch_up.asked_by_cursor = request.page_token.empty() && request.start.kind == ReadStart::Kind::kAfter;
  catch_up.asked_generation = generation_;
  catch_up.ticket = std::make_shared<HistoryTicket>();
  catch_up.ticket->session = &session;
  ReadHistory(request, catch_up.ticket);
}

void FanoutHub::OnPage(Session& session, const absl::StatusOr<std::shared_ptr<const HistoryPage>>& page) {
  CatchUp& catch_up = *session.catch_up;
  catch_up.ticket.reset();
  if (!page.ok()) {
    if (!IsPassing(page.status())) {
      End(session, CloseReason::kHistory);
      return;
    }
    catch_up.ask_at_ms = NowMs() + kRetryMs + static_cast<int64_t>(random_() % kRetryMs);
    Park(session);
    return;
  }
  CountResume(session, (*page)->gap ? ResultOf((*page)->gap->reason) : ResumeResult::kResumed);
  catch_up.page = *page;
  catch_up.gap_due = catch_up.page->gap.has_value();
  const bool follows = catch_up.asked_by_cursor && !catch_up.gap_due;
  catch_up.page_next = follows ? catch_up.page->FirstAfter(session.cursor.sequence) : 0;
  Settle(session);
}

bool FanoutHub::WritePage(Session& session) {
  CatchUp& catch_up = *session.catch_up;
  const std::shared_ptr<const HistoryPage> page = catch_up.page;
  const Route& route = *session.channel->route;
  session.generation = catch_up.asked_generation;
  block_.Clear();
  block_names_.clear();
  std::string& body = block_.body();
  if (!session.started) {
    session.cursor = page->cursor;
    if (!page->events.empty()) {
      session.cursor.sequence = page->events.front().sequence - 1;
    }
    AppendConnected(session, catch_up.connected_data.get(), body);
    catch_up.connected_data.reset();
  }
  if (catch_up.gap_due) {
    catch_up.gap_due = false;
    AppendGap(session, *page->gap, body);
  }
  while (catch_up.page_next < page->events.size() && block_.body_size() < kBlockBytes) {
    const EventView& event = page->events[catch_up.page_next++];
    const Cursor before = session.cursor;
    session.cursor = Cursor{page->cursor.epoch, event.sequence};
    if (!Shows(route, event.type_name())) {
      continue;
    }
    if (session.channel->presentation().AppendFrame(event, *page->schema, body).ok()) {
      block_names_.push_back(tail_.names().Number(page->schema->EventName(event.type_name())));
    } else {
      counters_.unrenderable.Add();
      AppendGap(session, {GapReason::kUnrenderable, before, session.cursor}, body);
    }
  }
  CountNames(block_names_, 1);
  if (catch_up.page_next == page->events.size()) {
    FinishPage(session);
  }
  if (!block_.empty()) {
    SendBlock(session, block_);
  }
  return true;
}

// Everything on the page is written: says where to go on.
void FanoutHub::FinishPage(Session& session) {
  CatchUp& catch_up = *session.catch_up;
  const std::shared_ptr<const HistoryPage> page = catch_up.page;
  catch_up.page.reset();
  catch_up.page_token = KeepsToken(catch_up.start.kind) ? page->next_page_token : "";
  if (!catch_up.page_token.empty()) {
    return;  // a snapshot's cursor holds only when it is complete
  }
  catch_up.start.kind = ReadStart::Kind::kAfter;
  if (page->cursor.epoch != session.cursor.epoch || page->cursor.sequence > session.cursor.sequence) {
    session.cursor = page->cursor;
  }
  const bool ahead = session.cursor.epoch == epoch_ && session.cursor.sequence > position_;
  const bool fruitless = page->next_page_token.empty() && session.cursor == catch_up.asked_after;
  catch_up.ask_at_ms = ahead || fruitless ? NowMs() + kAskAgainMs : 0;
}

void FanoutHub::Park(Session& session) {
  session.state = Session::State::kParked;
  session.place = static_cast<uint32_t>(parked_.size());
  parked_.push_back(&session);
  counters_.parked.Add();
  if (session.catch_up != nullptr && session.catch_up->ask_at_ms != 0) {
    DueAt(session, session.catch_up->ask_at_ms);
  }
}

void FanoutHub::Unpark(Session& session) {
  parked_[session.place] = parked_.back();
  parked_[session.place]->place = session.place;
  parked_.pop_back();
  counters_.parked.Subtract();
  session.state = Session::State::kBehind;
}

CatchUp& FanoutHub::CatchUpOf(Session& session) {
  if (session.catch_up == nullptr) {
    session.catch_up = std::make_unique<CatchUp>();
    session.catch_up->start.kind = ReadStart::Kind::kAfter;
  }
  return *session.catch_up;
}

void FanoutHub::AppendConnected(Session& session, const BoundData* data, std::string& out) {
  const std::string cursor = session.cursor.ToString();
  const Route& route = *session.channel->route;
  AppendControl(session.channel->framing, route.connected_event, cursor,
                data == nullptr ? "{}" : data->Render(ValuesFor(session, cursor)),
                absl::ToInt64Milliseconds(route.retry), out);
  session.started = true;
  AppendUpstream(session, out);
}

// Appends it, and moves the session to where reading goes on.
void FanoutHub::AppendGap(Session& session, const GapInfo& gap, std::string& out) {
  AppendGapFrame(session.channel->framing, session.channel->route->gap_event, gap, out);
  session.cursor = gap.resumed_at;
  counters_.gaps_sent.Add();
}

void FanoutHub::CountResume(Session& session, ResumeResult result) {
  if (session.resumed) {
    session.resumed = false;
    counters_.resumed[static_cast<size_t>(result)].Add();
  }
}

}  // namespace weir::edge
