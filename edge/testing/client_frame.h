// Frames as a WebSocket's client sends them, and the taking apart of those that it gets. For tests.
#ifndef WEIR_EDGE_TESTING_CLIENT_FRAME_H_
#define WEIR_EDGE_TESTING_CLIENT_FRAME_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "edge/websocket/frames.h"

namespace weir::edge {

inline std::string ClientFrame(Opcode opcode, std::string_view payload, bool final = true,
                               std::string_view mask = "\x11\x22\xF3\x44") {
  std::string frame;
  AppendFrame(opcode, payload, frame);
  const size_t head = frame.size() - payload.size();
  if (!final) {
    frame[0] = static_cast<char>(static_cast<unsigned char>(frame[0]) & 0x7FU);
  }
  frame[1] = static_cast<char>(static_cast<unsigned char>(frame[1]) | 0x80U);
  for (size_t i = 0; i < payload.size(); ++i) {
    frame[head + i] = static_cast<char>(frame[head + i] ^ mask[i % 4]);
  }
  frame.insert(head, mask);
  return frame;
}

inline std::string ClientText(std::string_view payload) { return ClientFrame(Opcode::kText, payload); }

inline std::string ClientClose(uint16_t code) {
  const char payload[] = {static_cast<char>(code >> 8U), static_cast<char>(code & 0xFFU)};
  return ClientFrame(Opcode::kClose, {payload, 2});
}

struct ServerFrame {
  Opcode opcode;
  std::string payload;
  // Of a close frame; 0 without one.
  uint16_t code() const {
    return payload.size() < 2 ? 0
                              : static_cast<uint16_t>(static_cast<unsigned char>(payload[0]) << 8U |
                                                      static_cast<unsigned char>(payload[1]));
  }
};

// The complete frames of the edge's bytes.
inline std::vector<ServerFrame> ServerFrames(std::string_view bytes) {
  std::vector<ServerFrame> frames;
  const auto byte = [&bytes](size_t i) { return static_cast<uint64_t>(static_cast<unsigned char>(bytes[i])); };
  while (bytes.size() >= 2) {
    const size_t more = byte(1) == 126 ? 2 : byte(1) == 127 ? 8 : 0;
    if (bytes.size() < 2 + more) {
      break;
    }
    uint64_t size = more == 0 ? byte(1) : 0;
    for (size_t i = 0; i < more; ++i) {
      size = size << 8U | byte(2 + i);
    }
    if (bytes.size() - 2 - more < size) {
      break;
    }
    frames.push_back({static_cast<Opcode>(byte(0) & 0x0FU), std::string(bytes.substr(2 + more, size))});
    bytes.remove_prefix(2 + more + size);
  }
  return frames;
}

}  // namespace weir::edge

#endif  // WEIR_EDGE_TESTING_CLIENT_FRAME_H_
