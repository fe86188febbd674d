#include "edge/http/connection.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>
#include <variant>

#include "edge/http/forwarded.h"
#include "edge/http/proxy_header.h"

namespace weir::edge {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kLingerTimeout(2);
constexpr size_t kLingerBytesMax = 256 * 1024;
// Larger answers need room.
constexpr size_t kSmallAnswerBytes = 4096;

enum class Arrival { kThere, kLater, kNever };

void SetReceiveLowWater(int fd, size_t bytes) {
  const int least = static_cast<int>(bytes);
  ::setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &least, sizeof(least));
}

// Whether so many bytes can be received. Later: the socket is mostly not readable before, or before the client has
// gone; but urgent data and a kernel that is short of memory make it readable all the same.
Arrival Await(int fd, size_t bytes) {
  int there = 0;
  if (::ioctl(fd, FIONREAD, &there) != 0) {
    return Arrival::kNever;
  }
  const bool enough = there >= static_cast<int>(bytes);
  SetReceiveLowWater(fd, enough ? 1 : bytes);
  pollfd gone = {fd, POLLRDHUP, 0};
  if (!enough && ::poll(&gone, 1, 0) != 0) {
    return Arrival::kNever;
  }
  return enough ? Arrival::kThere : Arrival::kLater;
}

}  // namespace

Connection::Connection(ConnectionThread& thread, Transport transport, const IpAddress& peer)
    : thread_(thread), transport_(std::move(transport)), hop_(peer) {
  thread_.admission.metrics().Opened();
}

Connection::~Connection() {
  if (cancel_poll_) {
    cancel_poll_();
  }
  GiveBackRoom();
  thread_.admission.metrics().Closed();
}

void Connection::Start() {
  deadline_ = steady_clock::now() + thread_.options.head_timeout;
  if (thread_.options.proxy_protocol && Contain(thread_.options.trusted_proxies, hop_)) {
    state_ = State::kProxyHeader;
    ReadProxied();
    return;
  }
  Begin();
}

// The proxies' own connections have no limit: whom they serve is said by each request.
void Connection::Begin() {
  const bool trusted = Contain(thread_.options.trusted_proxies, hop_);
  const ClientAddress client = {hop_, trusted || (hop_.is_loopback() && !named_)};
  if (!thread_.admission.MayConnect(client, held_, steady_clock::now())) {
    Close();  // without an answer, as above connections_max
    return;
  }
  if (thread_.options.tls != nullptr) {
    state_ = State::kHandshake;
    WaitRead();  // a handshake takes its time: each in a turn of its own
    return;
  }
  Read();
}

// Never takes a byte more than the header has.
void Connection::ReadProxied() {
  while (true) {
    const auto result = ReadProxyHeader(in_);
    if (const auto* const header = std::get_if<ProxyHeader>(&result)) {
      in_ = std::string();
      named_ = header->source.has_value();
      hop_ = header->source.value_or(hop_);
      state_ = State::kHead;
      Begin();
      return;
    }
    const auto* const more = std::get_if<ProxyHeaderMore>(&result);
    if (more == nullptr) {
      thread_.admission.metrics().CountBadProxyHeader();
      Close();
      return;
    }
    const ssize_t got = ::recv(transport_.fd(), thread_.buffer.data(), more->bytes, MSG_DONTWAIT);
    if (got > 0) {
      in_.append(thread_.buffer.data(), static_cast<size_t>(got));
    } else if (got < 0 && errno == EAGAIN) {
      WaitRead();
      return;
    } else if (got == 0 || errno != EINTR) {
      Close();
      return;
    }
  }
}

// Null: a trusted proxy has written what is no address.
std::optional<ClientAddress> Connection::ClientOf(const RequestHead& head) const {
  const bool trusted = Contain(thread_.options.trusted_proxies, hop_);
  const std::optional<IpAddress> client = ForwardedClient(hop_, head.forwarded_for, thread_.options.trusted_proxies);
  if (!client) {
    return std::nullopt;
  }
  const bool itself = *client == hop_;
  return ClientAddress{*client, itself && (trusted || (hop_.is_loopback() && !named_))};
}

// Why that client may not open a stream, or poll, just now; null: it may.
const Problem* Connection::Attempt(const ClientAddress& client, bool poll) {
  const auto now = steady_clock::now();
  if (poll ? !thread_.admission.MayPoll(client, now) : !thread_.admission.MayAttempt(client, now)) {
    return poll ? &problem::kTooManyPolls : &problem::kTooManyAttempts;
  }
  if (client.address != hop_) {
    borrowed_ = true;
    if (!thread_.admission.MayHold(client, held_)) {
      return &problem::kTooManyConnections;
    }
  }
  return nullptr;
}

void Connection::Sweep(Instant now) {
  if (closed_ || now < deadline_ || state_ == State::kPolling) {
    return;
  }
  if (state_ == State::kHead && !in_.empty()) {
    SendProblem(problem::kTimeout, "");
    return;
  }
  if (state_ == State::kUpgraded) {
    SendFrames(WebSocketDoor::TooLate(), true);
    return;
  }
  if (state_ == State::kHandshake) {
    EndHandshake(TlsResult::kTimeout);
    return;
  }
  Close();
}

void Connection::CloseIfIdle() {
  if (!closed_ && state_ == State::kHead && in_.empty() && served_) {
    Close();
  } else if (!closed_ && state_ == State::kUpgraded) {
    SendFrames(WebSocketDoor::GoingAway(), true);
  }
}

// Goes on with the handshake. True: it is done.
bool Connection::ShakeHands() {
  if (transport_.tls() == nullptr && !BeginTls()) {
    return false;
  }
  switch (transport_.tls()->ShakeHands()) {
    case TlsSession::Step::kDone:
      thread_.admission.metrics().CountHandshake(transport_.tls()->result());
      state_ = State::kHead;
      return true;
    case TlsSession::Step::kWaits:
      WaitRead();
      return false;
    case TlsSession::Step::kFailed:
      EndHandshake(transport_.tls()->result());
      return false;
  }
  return false;
}

// Begins when all of the first record is there; until then the kernel keeps it, and a client that dawdles costs no more
// than one that says nothing.
bool Connection::BeginTls() {
  constexpr unsigned char kHandshakeRecord = 0x16;
  constexpr size_t kRecordBytesMax = 16 * 1024;
  std::array<unsigned char, 5> header;  // of the record: its type, two bytes of version, two of its length
  const ssize_t got = ::recv(transport_.fd(), header.data(), header.size(), MSG_PEEK | MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
    WaitRead();
    return false;
  }
  if (got > 0 && header[0] >= 'A' && header[0] <= 'Z') {
    thread_.admission.metrics().CountHandshake(TlsResult::kPlainHttp);
    SendProblem(problem::kPlainHttp, "this port speaks HTTPS");
    return false;
  }
  const bool whole = got == static_cast<ssize_t>(header.size());
  const size_t body = whole ? size_t{header[3]} << 8U | header[4] : 0;
  if (got > 0 && (header[0] != kHandshakeRecord || body > kRecordBytesMax)) {
    EndHandshake(TlsResult::kMalformed);
    return false;
  }
  const size_t wanted = header.size() + body;
  const Arrival arrival = got <= 0 ? Arrival::kNever : Await(transport_.fd(), wanted);
  if (arrival == Arrival::kLater && awaited_ != wanted) {
    awaited_ = wanted;
    WaitRead();
    return false;
  }
  // Woken for less than it waited for: waiting again would be a busy loop, so the session takes what is there.
  SetReceiveLowWater(transport_.fd(), 1);
  if (arrival != Arrival::kNever && thread_.options.tls != nullptr) {
    transport_.StartTls(thread_.options.tls->Accept(transport_.fd()));
  }
  if (transport_.tls() == nullptr) {
    EndHandshake(TlsResult::kClosed);
  }
  return transport_.tls() != nullptr;
}

// It has failed. The client is to read the alert that says why, if there is one.
void Connection::EndHandshake(TlsResult result) {
  thread_.admission.metrics().CountHandshake(result);
  if (result == TlsResult::kClosed || result == TlsResult::kTimeout) {
    Close();
  } else {
    Linger();
  }
}

void Connection::Read() {
  if (state_ == State::kHandshake && !ShakeHands()) {
    return;
  }
  ssize_t got = 0;
  do {
    got = transport_.Receive(thread_.buffer.data(), thread_.buffer.size());
  } while (got < 0 && errno == EINTR);
  if (got > 0) {
    OnBytes({thread_.buffer.data(), static_cast<size_t>(got)});
  } else if (got < 0 && errno == EAGAIN) {
    WaitRead();
  } else if (got == 0 && state_ == State::kWriting) {
    peer_done_ = true;  // it may still want its answer
  } else {
    Close();
  }
}

void Connection::OnBytes(std::string_view bytes) {
  switch (state_) {
    case State::kProxyHeader:  // has its own reading
      return;
    case State::kHandshake:
    case State::kHead:
      Serve(bytes);
      return;
    case State::kUpgraded:
      OnFrames(bytes);
      return;
    case State::kPolling:
    case State::kWriting:
      // The next request; it waits its turn. A client that sends much more than one is not read on.
      in_.append(bytes);
      if (in_.size() <= thread_.options.head_bytes_max) {
        WaitRead();
      }
      return;
    case State::kLingering:
      drained_ += bytes.size();
      if (drained_ > kLingerBytesMax) {
        Close();
        return;
      }
      WaitRead();
      return;
  }
}

// Answers all complete requests of what was kept and `bytes`, as far as that goes without waiting; keeps the rest.
bool Connection::Serve(std::string_view bytes) {
  const size_t seen = in_.size();
  const bool begun = seen > 0;
  std::string_view rest = bytes;
  if (begun) {
    in_.append(bytes);
    rest = in_;
  }
  const size_t before = rest.size();
  if (!ServeFrom(rest, bytes.empty() ? 0 : seen)) {
    return false;
  }
  const bool answered = rest.size() < before;
  if (rest.empty()) {
    in_ = std::string();  // gives the memory back
  } else if (begun) {
    in_.erase(0, in_.size() - rest.size());
  } else {
    in_.assign(rest);
  }
  if (state_ != State::kHead) {
    return state_ != State::kUpgraded || Proceed();
  }
  if (in_.empty()) {
    deadline_ = steady_clock::now() + (served_ ? thread_.options.keep_alive_timeout : thread_.options.head_timeout);
  } else if (answered || bytes.empty() || (!begun && served_)) {
    deadline_ = steady_clock::now() + thread_.options.head_timeout;
  }
  WaitRead();
  return true;
}

bool Connection::ServeFrom(std::string_view& rest, size_t seen) {
  while (state_ == State::kHead && !rest.empty()) {
    const size_t size = HeadSize(rest, seen);
    const size_t most = thread_.options.head_bytes_max;
    if (size > most || (size == 0 && rest.size() > most)) {
      rest = {};
      return SendProblem(problem::kHeadTooLarge, "");
    }
    if (!MayBeRequest(rest)) {
      rest = {};
      return SendProblem(problem::kBadRequest, "this is no HTTP request");
    }
    if (const auto fault = size == 0 ? FaultInBytes(rest, seen) : std::nullopt) {
      rest = {};
      return SendProblem(fault->problem, fault->detail);
    }
    if (size == 0) {
      return true;
    }
    const std::string_view head = rest.substr(0, size);
    rest.remove_prefix(size);
    seen = 0;
    if (!Handle(head)) {
      return false;
    }
  }
  return true;
}

bool Connection::Handle(std::string_view bytes) {
  std::variant<RequestHead, HeadFault> parsed = ParseHead(bytes);
  if (const auto* fault = std::get_if<HeadFault>(&parsed)) {
    return SendProblem(fault->problem, fault->detail);
  }
  const RequestHead& head = std::get<RequestHead>(parsed);
  const std::optional<ClientAddress> client = ClientOf(head);
  if (!client) {
    return SendProblem(problem::kBadRequest, "X-Forwarded-For holds what is no address where the client's must be");
  }
  const EdgeCondition condition = {thread_.admission.overloaded(), thread_.admission.draining(),
                                   [this, &client](bool poll) { return Attempt(*client, poll); }};
  const absl::Time now = thread_.clock();
  const ReplyContext context = {head.http11, head.keep_alive && !condition.draining, head.method == "HEAD", now};
  FrontDesk::Decision decision = thread_.desk.Decide(head, condition, now);
  if (auto* stream = std::get_if<StreamRequest>(&decision)) {
    return HandOver(std::move(*stream));
  }
  if (auto* poll = std::get_if<PollOrder>(&decision)) {
    Poll(std::move(*poll), context);
    return true;
  }
  if (auto* upgrade = std::get_if<UpgradeOrder>(&decision)) {
    return Upgrade(std::move(*upgrade));
  }
  return Send(std::get<Reply>(decision), context);
}

// From here on the deadline is the first message's.
bool Connection::Upgrade(UpgradeOrder order) {
  thread_.admission.metrics().CountAnswer(101);
  door_ = std::make_unique<WebSocketDoor>(std::move(order.pending));
  deadline_ = steady_clock::now() + thread_.options.head_timeout;
  return SendFrames(std::move(order.head), false);
}

bool Connection::OnFrames(std::string_view bytes) {
  WebSocketDoor::Step step = door_->Take(bytes, thread_.desk, thread_.clock());
  if (step.stream) {
    return HandOver(*std::move(step.stream));
  }
  if (step.out.empty()) {
    WaitRead();
    return true;
  }
  return SendFrames(std::move(step.out), step.closes) && (state_ != State::kUpgraded || Proceed());
}

bool Connection::SendFrames(std::string frames, bool last) {
  out_ = std::move(frames);
  sent_ = 0;
  keep_alive_ = !last;
  state_ = State::kWriting;
  return Flush();
}

// After an answer: what has come meanwhile, or the next bytes.
bool Connection::Proceed() {
  if (state_ == State::kHead) {
    return Serve({});
  }
  if (state_ != State::kUpgraded) {
    return true;
  }
  if (!in_.empty()) {
    return OnFrames(std::exchange(in_, {}));
  }
  WaitRead();
  return true;
}

// What the client of SSE sent after its request is dropped: nothing can be answered behind a stream.
bool Connection::HandOver(StreamRequest request) {
  if (reading_) {
    transport_.Cancel();
  }
  closed_ = true;
  if (!request.web_socket) {
    thread_.admission.metrics().CountAnswer(200);
  }
  request.address = std::move(held_);
  thread_.hub.OpenStream(std::move(transport_), std::move(request));
  Release();
  return false;
}

void Connection::Poll(PollOrder order, ReplyContext context) {
  state_ = State::kPolling;
  cancel_poll_ = thread_.hub.Poll(
      std::move(order.request), [this, headers = std::move(order.headers), context](absl::StatusOr<std::string> body) {
        OnPolled(std::move(body), headers, context);
      });
  WaitRead();  // to see it go
}

void Connection::OnPolled(absl::StatusOr<std::string> body, const std::string& headers, ReplyContext context) {
  cancel_poll_ = nullptr;
  context.now = thread_.clock();
  context.keep_alive = context.keep_alive && !thread_.admission.draining();
  if (Send(thread_.desk.PollReply(std::move(body), headers), context) && state_ == State::kHead) {
    Serve({});
  }
}

bool Connection::SendProblem(const Problem& problem, std::string_view detail) {
  Reply reply = ProblemReply(problem, detail);
  reply.close = true;
  ReplyContext context;
  context.now = thread_.clock();
  return Send(reply, context);
}

bool Connection::Send(const Reply& reply, const ReplyContext& context) {
  std::string bytes = Serialise(reply, context);
  if (bytes.size() > kSmallAnswerBytes) {
    if (!thread_.admission.TakeRoom(bytes.size())) {
      return Send(ProblemReply(problem::kOverloaded, "too many answers are not taken yet", "Retry-After: 1\r\n"),
                  context);
    }
    room_ = bytes.size();
  }
  thread_.admission.metrics().CountAnswer(reply.status);
  out_ = std::move(bytes);
  sent_ = 0;
  keep_alive_ = context.keep_alive && !reply.close && (context.http11 || !reply.is_stream);
  state_ = State::kWriting;
  deadline_ = steady_clock::now() + thread_.options.write_timeout;
  return Flush();
}

bool Connection::Flush() {
  while (sent_ < out_.size()) {
    const ssize_t sent = transport_.Send(std::string_view(out_).substr(sent_));
    if (sent >= 0) {
      sent_ += static_cast<size_t>(sent);
    } else if (errno == EAGAIN) {
      WaitWrite();
      return true;
    } else if (errno != EINTR) {
      Close();
      return false;
    }
  }
  out_ = std::string();
  GiveBackRoom();
  served_ = true;
  if (!keep_alive_ || peer_done_) {
    return Linger();
  }
  if (door_ != nullptr) {
    state_ = State::kUpgraded;
    return true;
  }
  if (borrowed_) {
    held_ = ConnectionCounts::Held();
    borrowed_ = false;
  }
  state_ = State::kHead;
  return true;
}

void Connection::GiveBackRoom() {
  thread_.admission.GiveBackRoom(room_);
  room_ = 0;
}

bool Connection::Linger() {
  if (peer_done_) {
    Close();
    return false;
  }
  transport_.EndSending();
  state_ = State::kLingering;
  deadline_ = steady_clock::now() + kLingerTimeout;
  WaitRead();
  return true;
}

void Connection::WaitRead() {
  if (reading_) {
    return;
  }
  reading_ = true;
  transport_.WhenReadable([this](const boost::system::error_code& error) {
    reading_ = false;
    if (closed_) {
      Release();
    } else if (error) {
      Close();
    } else if (state_ == State::kProxyHeader) {
      ReadProxied();
    } else {
      Read();
    }
  });
}

void Connection::WaitWrite() {
  writing_ = true;
  transport_.WhenWritable([this](const boost::system::error_code& error) {
    writing_ = false;
    if (closed_) {
      Release();
    } else if (error) {
      Close();
    } else if (Flush()) {
      Proceed();
    }
  });
}

void Connection::Close() {
  closed_ = true;
  if (cancel_poll_) {
    std::exchange(cancel_poll_, nullptr)();
  }
  transport_.Close();
  Release();
}

void Connection::Release() {
  if (!reading_ && !writing_) {
    thread_.remove(this);
  }
}

}  // namespace weir::edge
