// What a connection answers, and how its client takes it.
#include <cerrno>
#include <chrono>
#include <utility>
#include <variant>

#include "edge/http/connection.h"

namespace weir::edge {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kLingerTimeout(2);
// Larger answers need room.
constexpr size_t kSmallAnswerBytes = 4096;

}  // namespace

bool Connection::Handle(const RequestHead& head) {
  const std::optional<ClientAddress> client = caller_.ClientOf(head, thread_.options.trusted_proxies);
  if (!client) {
    return SendProblem(problem::kBadRequest, "X-Forwarded-For holds what is no address where the client's must be");
  }
  const EdgeCondition condition = {
      thread_.admission.overloaded(), thread_.admission.draining(),
      [this, &client](bool poll) { return caller_.Attempt(thread_.admission, *client, poll); }};
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
  const Reply& reply = std::get<Reply>(decision);
  if (reply.sent_away == &problem::kOverloaded) {
    thread_.admission.metrics().CountLimited(Limit::kConnectionsMax);
  }
  return Send(reply, context);
}

// From here on the deadline is the first message's.
bool Connection::Upgrade(UpgradeOrder order) {
  thread_.admission.metrics().CountAnswer(101);
  door_ = std::make_unique<WebSocketDoor>(std::move(order.pending), thread_.options.web_socket);
  deadline_ = steady_clock::now() + thread_.options.head_timeout;
  return SendFrames(std::move(order.head), false);
}

bool Connection::OnFrames(std::string_view bytes) {
  WebSocketDoor::Step step = door_->Take(bytes, thread_.desk, thread_.clock(), steady_clock::now());
  if (step.stream) {
    return HandOver(*std::move(step.stream));
  }
  if (step.too_many) {
    thread_.admission.metrics().CountLimited(Limit::kWebSocketMessagesPerMinute);
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

// What the client of SSE sent after its request is dropped: nothing can be answered behind a stream.
bool Connection::HandOver(StreamRequest request) {
  if (reading_) {
    transport_.Cancel();
  }
  closed_ = true;
  if (!request.web_socket) {
    thread_.admission.metrics().CountAnswer(200);
  }
  request.address = caller_.TakeHeld();
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
      thread_.admission.metrics().CountLimited(Limit::kAnswerBytesMax);
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
  caller_.EndRequest();
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

}  // namespace weir::edge
