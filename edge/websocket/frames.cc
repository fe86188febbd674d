#include "edge/websocket/frames.h"

namespace weir::edge {
namespace {

std::string Header(Opcode opcode, size_t size) {
  std::string header(1, static_cast<char>(0x80U | static_cast<unsigned>(opcode)));
  int bytes = 0;
  if (size <= 125) {
    header += static_cast<char>(size);
  } else if (size <= 0xFFFF) {
    header += static_cast<char>(126);
    bytes = 2;
  } else {
    header += static_cast<char>(127);
    bytes = 8;
  }
  while (bytes-- > 0) {
    header += static_cast<char>((static_cast<uint64_t>(size) >> (8U * static_cast<unsigned>(bytes))) & 0xFFU);
  }
  return header;
}

}  // namespace

void AppendFrame(Opcode opcode, std::string_view payload, std::string& out) {
  out += Header(opcode, payload.size());
  out += payload;
}

void FrameAsText(size_t begin, std::string& out) { out.insert(begin, Header(Opcode::kText, out.size() - begin)); }

void AppendClose(uint16_t code, std::string_view reason, std::string& out) {
  std::string payload;
  if (code != 0) {
    payload += static_cast<char>(code >> 8U);
    payload += static_cast<char>(code & 0xFFU);
    size_t size = reason.size();
    if (size > kControlPayloadMax - payload.size()) {
      size = kControlPayloadMax - payload.size();
      while (size > 0 && (static_cast<unsigned char>(reason[size]) & 0xC0U) == 0x80U) {
        --size;  // not within a character
      }
    }
    payload += reason.substr(0, size);
  }
  AppendFrame(Opcode::kClose, payload, out);
}

}  // namespace weir::edge
