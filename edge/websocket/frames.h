// What the edge sends on a WebSocket (RFC 6455, section 5): frames are whole messages, unmasked and without extensions,
// so that one may be sent to many readers. Pure; any thread.
#ifndef WEIR_EDGE_WEBSOCKET_FRAMES_H_
#define WEIR_EDGE_WEBSOCKET_FRAMES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir::edge {

enum class Opcode : uint8_t { kContinuation = 0, kText = 1, kBinary = 2, kClose = 8, kPing = 9, kPong = 10 };

// Bytes of a ping's, a pong's and a close frame's payload.
inline constexpr size_t kControlPayloadMax = 125;

// Why a connection is closed: those of RFC 6455, section 7.4.1, and our own. docs/websocket.md lists them.
namespace close_code {

inline constexpr uint16_t kGoingAway = 1001;
inline constexpr uint16_t kProtocol = 1002;
inline constexpr uint16_t kNotText = 1003;
inline constexpr uint16_t kNotUtf8 = 1007;
inline constexpr uint16_t kTooBig = 1009;
inline constexpr uint16_t kInternal = 1011;
inline constexpr uint16_t kMessage = 4400;
inline constexpr uint16_t kToken = 4401;
inline constexpr uint16_t kForbidden = 4403;
inline constexpr uint16_t kDeadline = 4408;
inline constexpr uint16_t kGone = 4410;
inline constexpr uint16_t kTooMany = 4429;

}  // namespace close_code

// Appends one whole frame. A control frame's payload is at most kControlPayloadMax bytes.
void AppendFrame(Opcode opcode, std::string_view payload, std::string& out);

// Makes what stands in `out` from `begin` on the payload of a text frame.
void FrameAsText(size_t begin, std::string& out);

// Appends a close frame. `code` 0: without code and reason, in answer to one that has none. The reason is UTF-8, and
// cut after as many whole characters as there is room for.
void AppendClose(uint16_t code, std::string_view reason, std::string& out);

}  // namespace weir::edge

#endif  // WEIR_EDGE_WEBSOCKET_FRAMES_H_
