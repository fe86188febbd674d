// Reads what a client sends on a WebSocket (RFC 6455, section 5), as it comes in.
//
// It gives whole text messages, checked to be UTF-8, and the control frames between and within them. What breaks the
// protocol is a fault with the code to close with, and is seen as early as it can be: a message that is too long by its
// header. Bounds: it keeps at most one message of kClientMessageBytesMax and one control frame; between messages it
// keeps nothing and may be thrown away. Pure; one thread.
#ifndef WEIR_EDGE_WEBSOCKET_CLIENT_FRAMES_H_
#define WEIR_EDGE_WEBSOCKET_CLIENT_FRAMES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "edge/websocket/frames.h"
#include "edge/websocket/utf8_check.h"

namespace weir::edge {

// Of a message, all its fragments together; a longer one closes the connection with 1009.
inline constexpr size_t kClientMessageBytesMax = 16 * 1024;

class ClientFrames {
 public:
  enum class Kind : uint8_t {
    kMore,  // all bytes are taken, and nothing is complete
    kText,  // a message
    kPing,
    kPong,
    kClose,  // the client ends; nothing it sends afterwards counts
    kFault,  // the connection is to be closed; this is of no further use
  };
  struct Item {
    Kind kind = Kind::kMore;
    std::string_view payload;  // of a fault: what is wrong. Until the next call
    uint16_t code = 0;         // the client's when it closes, 0 without one; of a fault: to close with

    // Whether it is something that the client says on a connection that goes on.
    bool says() const { return kind == Kind::kText || kind == Kind::kPing || kind == Kind::kPong; }
  };

  // Takes bytes from the front, up to the end of what it returns.
  Item Next(std::string_view& bytes);

  // Whether it keeps nothing.
  bool idle() const { return header_size_ == 0 && !in_frame_ && !in_message_; }

 private:
  static constexpr size_t kHeaderMax = 14;

  bool TakeHeader(std::string_view& bytes, Item& fault);
  bool CheckStart(Item& fault) const;
  bool TakePayload(std::string_view& bytes, Item& fault);
  Item FinishControl();
  Opcode opcode() const { return static_cast<Opcode>(static_cast<unsigned char>(header_[0]) & 0x0FU); }
  bool final() const { return (static_cast<unsigned char>(header_[0]) & 0x80U) != 0; }
  bool control() const { return opcode() >= Opcode::kClose; }

  std::string message_;
  std::string control_;
  uint64_t left_ = 0;  // of the frame's payload
  std::array<char, kHeaderMax> header_ = {};
  uint8_t header_size_ = 0;  // what of the header has come, while it comes
  uint8_t mask_at_ = 0;      // in header_
  uint8_t mask_next_ = 0;
  bool in_frame_ = false;    // the header is complete, the payload is not
  bool in_message_ = false;  // the last data frame was not final
  Utf8Check utf8_;
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_WEBSOCKET_CLIENT_FRAMES_H_
