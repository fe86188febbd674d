#include "edge/websocket/client_frames.h"

#include <algorithm>

namespace weir::edge {
namespace {

using Item = ClientFrames::Item;
using Kind = ClientFrames::Kind;

unsigned Byte(char c) { return static_cast<unsigned char>(c); }

Item Fault(uint16_t code, std::string_view why) { return {Kind::kFault, why, code}; }

// What an endpoint may send: RFC 6455, section 7.4, and the registered codes since.
bool IsSentCode(unsigned code) {
  return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
         (code >= 3000 && code <= 4999);
}

}  // namespace

Item ClientFrames::Next(std::string_view& bytes) {
  Item fault;
  while (true) {
    if (!in_frame_ && !TakeHeader(bytes, fault)) {
      return fault;  // or: more is needed
    }
    if (!TakePayload(bytes, fault)) {
      return fault;
    }
    in_frame_ = false;
    if (control()) {
      return FinishControl();
    }
    in_message_ = !final();
    if (!in_message_) {
      if (!utf8_.complete()) {
        return Fault(close_code::kNotUtf8, "the message is not UTF-8");
      }
      return {Kind::kText, message_, 0};
    }
  }
}

// True when the header is complete. What is judged by its first two bytes is judged when they are there.
bool ClientFrames::TakeHeader(std::string_view& bytes, Item& fault) {
  while (true) {
    size_t size = 2;
    if (header_size_ >= 2) {
      const unsigned length = Byte(header_[1]) & 0x7FU;
      size += (length == 126 ? 2 : length == 127 ? 8 : 0) + 4;
    }
    const size_t taken = std::min(bytes.size(), size - header_size_);
    std::copy_n(bytes.data(), taken, header_.data() + header_size_);
    bytes.remove_prefix(taken);
    header_size_ = static_cast<uint8_t>(header_size_ + taken);
    if (header_size_ < size) {
      return false;
    }
    if (size == 2) {
      if (!CheckStart(fault)) {
        return false;
      }
      continue;
    }
    mask_at_ = static_cast<uint8_t>(size - 4);
    break;
  }
  left_ = Byte(header_[1]) & 0x7FU;
  if (left_ >= 126) {
    const uint64_t smallest = left_ == 126 ? 126 : 0x10000;
    left_ = 0;
    for (size_t i = 2; i < mask_at_; ++i) {
      left_ = left_ << 8U | Byte(header_[i]);
    }
    if (left_ < smallest) {
      fault = Fault(close_code::kProtocol, "a frame's length is not written in the shortest way");
      return false;
    }
  }
  if (!control()) {
    if (!in_message_) {
      message_.clear();
      utf8_ = Utf8Check();
    }
    if (left_ > kClientMessageBytesMax - message_.size()) {
      fault = Fault(close_code::kTooBig, "a message is longer than 16384 bytes");
      return false;
    }
  } else {
    control_.clear();
  }
  header_size_ = 0;
  mask_next_ = 0;
  in_frame_ = true;
  return true;
}

bool ClientFrames::CheckStart(Item& fault) const {
  const unsigned length = Byte(header_[1]) & 0x7FU;
  if ((Byte(header_[0]) & 0x70U) != 0) {
    fault = Fault(close_code::kProtocol, "a reserved bit is set, and there is no extension");
  } else if ((Byte(header_[1]) & 0x80U) == 0) {
    fault = Fault(close_code::kProtocol, "a client's frame is masked, and this one is not");
  } else if (control() && opcode() > Opcode::kPong) {
    fault = Fault(close_code::kProtocol, "the opcode is unknown");
  } else if (control() && (!final() || length > kControlPayloadMax)) {
    fault = Fault(close_code::kProtocol, "a control frame is whole and has at most 125 bytes");
  } else if (opcode() == Opcode::kBinary) {
    fault = Fault(close_code::kNotText, "messages are text");
  } else if (!control() && opcode() > Opcode::kBinary) {
    fault = Fault(close_code::kProtocol, "the opcode is unknown");
  } else if (!control() && in_message_ != (opcode() == Opcode::kContinuation)) {
    fault = Fault(close_code::kProtocol,
                  in_message_ ? "a message begins within another" : "a continuation has nothing to continue");
  }
  return fault.kind != Kind::kFault;
}

// True when the payload is complete.
bool ClientFrames::TakePayload(std::string_view& bytes, Item& fault) {
  const auto taken = static_cast<size_t>(std::min<uint64_t>(bytes.size(), left_));
  std::string& to = control() ? control_ : message_;
  const size_t begin = to.size();
  to.append(bytes.substr(0, taken));
  for (size_t i = begin; i < to.size(); ++i) {
    to[i] = static_cast<char>(Byte(to[i]) ^ Byte(header_[mask_at_ + mask_next_]));
    mask_next_ = (mask_next_ + 1U) & 3U;
  }
  bytes.remove_prefix(taken);
  left_ -= taken;
  if (!control() && !utf8_.Take(std::string_view(to).substr(begin))) {
    fault = Fault(close_code::kNotUtf8, "the message is not UTF-8");
    return false;
  }
  return left_ == 0;
}

Item ClientFrames::FinishControl() {
  if (opcode() != Opcode::kClose) {
    return {opcode() == Opcode::kPing ? Kind::kPing : Kind::kPong, control_, 0};
  }
  if (control_.empty()) {
    return {Kind::kClose, {}, 0};
  }
  const unsigned code = control_.size() < 2 ? 0 : Byte(control_[0]) << 8U | Byte(control_[1]);
  if (!IsSentCode(code)) {
    return Fault(close_code::kProtocol, "this is no close code to be sent");
  }
  const std::string_view reason = std::string_view(control_).substr(2);
  Utf8Check utf8;
  if (!utf8.Take(reason) || !utf8.complete()) {
    return Fault(close_code::kNotUtf8, "the reason to close is not UTF-8");
  }
  return {Kind::kClose, reason, static_cast<uint16_t>(code)};
}

}  // namespace weir::edge
