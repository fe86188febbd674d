#include "edge/http/websocket_door.h"

#include <variant>

#include "edge/websocket/answers.h"
#include "edge/websocket/client_message.h"
#include "edge/websocket/frames.h"

namespace weir::edge {

using Kind = ClientFrames::Kind;

WebSocketDoor::Step WebSocketDoor::Take(std::string_view bytes, FrontDesk& desk, absl::Time now,
                                        TokenBucket::Instant instant) {
  Step step;
  while (!step.closes && !step.stream) {
    const ClientFrames::Item item = frames_.Next(bytes);
    if (item.says() && limits_.messages_per_minute > 0 && !messages_.Take(limits_.messages_per_minute, instant)) {
      AppendError(reason::kTooManyMessages, kTooManyMessagesDetail, step.out);
      AppendClose(close_code::kTooMany, reason::kTooManyMessages, step.out);
      step.closes = step.too_many = true;
      return step;
    }
    switch (item.kind) {
      case Kind::kMore:
        return step;
      case Kind::kPing:
        AppendFrame(Opcode::kPong, item.payload, step.out);
        break;
      case Kind::kPong:
        break;
      case Kind::kText:
        TakeMessage(item.payload, desk, now, step);
        break;
      case Kind::kClose:
      case Kind::kFault:
        AppendClose(item.code, item.kind == Kind::kFault ? item.payload : "", step.out);
        step.closes = true;
        break;
    }
  }
  if (step.stream) {
    WebSocketRequest& web_socket = *step.stream->web_socket;
    web_socket.limits = limits_;
    web_socket.messages = messages_;
    web_socket.answer.insert(0, step.out);
    web_socket.received = bytes;
  }
  return step;
}

void WebSocketDoor::TakeMessage(std::string_view text, FrontDesk& desk, absl::Time now, Step& step) const {
  const ClientMessage message = ReadClientMessage(text);
  Refusal refusal{close_code::kMessage, reason::kMessageInvalid, "the first message must be `auth`"};
  if (const auto* const bad = std::get_if<BadMessage>(&message)) {
    refusal.detail = bad->detail;
  } else if (const auto* const auth = std::get_if<AuthMessage>(&message)) {
    std::variant<StreamRequest, Refusal> admitted = desk.Admit(pending_, *auth, now);
    if (auto* const stream = std::get_if<StreamRequest>(&admitted)) {
      step.stream = std::move(*stream);
      return;
    }
    refusal = std::get<Refusal>(std::move(admitted));
  }
  const bool invalid = refusal.close_code == close_code::kMessage;
  (invalid ? AppendError : AppendAuthError)(refusal.reason, refusal.detail, step.out);
  AppendClose(refusal.close_code, refusal.reason, step.out);
  step.closes = true;
}

std::string WebSocketDoor::TooLate() {
  std::string out;
  AppendAuthError(reason::kDeadline, "the first message, `auth`, did not come in time", out);
  AppendClose(close_code::kDeadline, reason::kDeadline, out);
  return out;
}

std::string WebSocketDoor::GoingAway() {
  std::string out;
  AppendClose(close_code::kGoingAway, "", out);
  return out;
}

}  // namespace weir::edge
