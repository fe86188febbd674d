#include "edge/http/connection.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <utility>
#include <variant>

#include "edge/http/head_reader.h"

namespace weir::edge {
namespace {

using std::chrono::steady_clock;

constexpr size_t kLingerBytesMax = 256 * 1024;
// What one connection is answered before others have their turn.
constexpr int kAnswersInARow = 16;

}  // namespace

Connection::Connection(ConnectionThread& thread, Transport transport, const IpAddress& peer)
    : thread_(thread),
      transport_(std::move(transport)),
      caller_(peer),
      first_(std::make_unique<FirstBytes>(transport_, thread_.admission.metrics())) {
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
  if (thread_.options.proxy_protocol && Contain(thread_.options.trusted_proxies, caller_.hop())) {
    state_ = State::kProxyHeader;
    TakeProxyHeader();
    return;
  }
  Begin();
}

void Connection::Begin() {
  if (!caller_.MayConnect(thread_.admission, thread_.options.trusted_proxies)) {
    Close();  // without an answer, as above connections_max
    return;
  }
  if (thread_.options.tls != nullptr) {
    state_ = State::kHandshake;
    WaitRead();  // a handshake takes its time: each in a turn of its own
    return;
  }
  first_.reset();
  Read();
}

void Connection::TakeProxyHeader() {
  const FirstBytes::Step step = first_->TakeProxyHeader();
  if (step == FirstBytes::Step::kWaits) {
    WaitRead();
  } else if (step == FirstBytes::Step::kDone) {
    caller_.Name(first_->source());
    state_ = State::kHead;
    Begin();
  } else {
    Close();
  }
}

void Connection::Sweep(Instant now) {
  if (closed_ || resting_) {
    return;
  }
  if (state_ == State::kPolling) {
    if (!reading_ && transport_.PeerDone()) {
      Close();  // otherwise reading tells
    }
    return;
  }
  if (now < deadline_) {
    return;
  }
  if (const std::optional<Limit> limit = Overdue()) {
    thread_.admission.metrics().CountLimited(*limit);
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
    thread_.admission.metrics().CountHandshake(TlsResult::kTimeout);
  }
  Close();
}

// What its deadline is of. Null: nothing that is counted here.
std::optional<Limit> Connection::Overdue() const {
  switch (state_) {
    case State::kHead:
      return in_.empty() && served_ ? Limit::kKeepAliveTimeout : Limit::kHeadTimeout;
    case State::kProxyHeader:
    case State::kUpgraded:
      return Limit::kHeadTimeout;
    case State::kWriting:
      return door_ == nullptr ? Limit::kSlowReaderTimeout : Limit::kHeadTimeout;
    case State::kHandshake:  // TlsResult::kTimeout
    case State::kPolling:
    case State::kLingering:
      return std::nullopt;
  }
  return std::nullopt;
}

void Connection::CloseIfIdle() {
  if (!closed_ && state_ == State::kHead && in_.empty() && served_) {
    Close();
  } else if (!closed_ && state_ == State::kUpgraded) {
    SendFrames(WebSocketDoor::GoingAway(), true);
  }
}

// True: it is done.
bool Connection::ShakeHands() {
  switch (first_->ShakeHands(thread_.options.tls.get())) {
    case FirstBytes::Step::kDone:
      first_.reset();
      state_ = State::kHead;
      return true;
    case FirstBytes::Step::kWaits:
      WaitRead();
      return false;
    case FirstBytes::Step::kPlainHttp:
      SendProblem(problem::kPlainHttp, "this port speaks HTTPS");
      return false;
    case FirstBytes::Step::kRefused:
      Linger();
      return false;
    case FirstBytes::Step::kEnds:
      Close();
      return false;
  }
  return false;
}

void Connection::OnReadable() {
  if (state_ == State::kProxyHeader) {
    TakeProxyHeader();
  } else if (state_ != State::kHandshake || ShakeHands()) {
    Read();
  }
}

// So many bytes are taken in; the kernel keeps the rest back. One more than a head may have, so that one that is too
// large is seen.
size_t Connection::Room() const {
  if (state_ == State::kUpgraded || state_ == State::kLingering) {
    return thread_.buffer.size();
  }
  const size_t most = thread_.options.head_bytes_max + 1;
  return std::min(most - std::min(most, in_.size()), thread_.buffer.size());
}

void Connection::Read() {
  const size_t room = Room();
  if (room == 0) {
    return;  // until what is there has its answer
  }
  ssize_t got = 0;
  do {
    got = transport_.Receive(thread_.buffer.data(), room);
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
    case State::kProxyHeader:  // have their own reading
    case State::kHandshake:
      return;
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
      if (Room() > 0) {
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
  const bool begun = !in_.empty();
  HeadReader heads(in_, bytes, thread_.options.head_bytes_max);
  bool rests = false;  // for the others' sake
  for (int answers = 0; state_ == State::kHead && !rests; ++answers) {
    const auto next = heads.Next();
    if (!next) {
      break;
    }
    const auto* const fault = std::get_if<HeadFault>(&*next);
    if (fault != nullptr ? !SendProblem(fault->problem, fault->detail) : !Handle(std::get<RequestHead>(*next))) {
      return false;
    }
    rests = answers + 1 == kAnswersInARow && !heads.empty();
  }
  const bool answered = heads.took();
  heads.Keep();
  if (state_ != State::kHead) {
    return state_ != State::kUpgraded || Proceed();
  }
  if (rests) {
    GoOnLater();
    return true;
  }
  if (in_.empty()) {
    deadline_ = steady_clock::now() + (served_ ? thread_.options.keep_alive_timeout : thread_.options.head_timeout);
  } else if (answered || bytes.empty() || (!begun && served_)) {
    deadline_ = steady_clock::now() + thread_.options.head_timeout;
  }
  WaitRead();
  return true;
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
    } else if (resting_) {
      return;  // when its turn comes, it waits again
    } else {
      OnReadable();
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

void Connection::GoOnLater() {
  resting_ = true;
  boost::asio::post(thread_.hub.context(), [this] {
    resting_ = false;
    if (closed_) {
      Release();
    } else {
      Serve({});
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
  if (!reading_ && !writing_ && !resting_) {
    thread_.remove(this);
  }
}

}  // namespace weir::edge
