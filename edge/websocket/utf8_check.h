// Whether bytes that come in pieces are UTF-8: no surrogates, no overlong forms, nothing above U+10FFFF. A fault is
// seen at its first byte. Pure; one thread.
#ifndef WEIR_EDGE_WEBSOCKET_UTF8_CHECK_H_
#define WEIR_EDGE_WEBSOCKET_UTF8_CHECK_H_

#include <cstdint>
#include <string_view>

namespace weir::edge {

class Utf8Check {
 public:
  // False when these bytes, after those before, cannot be UTF-8. Then it is of no further use.
  bool Take(std::string_view bytes) {
    for (const char c : bytes) {
      if (!Take(static_cast<unsigned char>(c))) {
        return false;
      }
    }
    return true;
  }
  // Not in the middle of a character.
  bool complete() const { return left_ == 0; }

 private:
  bool Take(unsigned char byte) {
    if (left_ > 0) {
      if (byte < low_ || byte > high_) {
        return false;
      }
      low_ = 0x80;
      high_ = 0xBF;
      --left_;
      return true;
    }
    if (byte < 0x80) {
      return true;
    }
    if (byte < 0xC2 || byte > 0xF4) {
      return false;
    }
    left_ = byte >= 0xF0 ? 3 : byte >= 0xE0 ? 2 : 1;
    low_ = byte == 0xE0 ? 0xA0 : byte == 0xF0 ? 0x90 : 0x80;
    high_ = byte == 0xED ? 0x9F : byte == 0xF4 ? 0x8F : 0xBF;
    return true;
  }

  uint8_t left_ = 0;    // bytes that the character still needs
  uint8_t low_ = 0x80;  // bounds of the next one
  uint8_t high_ = 0xBF;
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_WEBSOCKET_UTF8_CHECK_H_
