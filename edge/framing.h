// How bytes of a stream lie in HTTP/1.1: the response's head, and one chunk per write. A WebSocket's frames need
// neither. Pure.
#ifndef WEIR_EDGE_FRAMING_H_
#define WEIR_EDGE_FRAMING_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "edge/render/frame.h"

namespace weir::edge {

// Appends an event of the edge's own, as AppendControlFrame or AppendControlMessage.
void AppendControl(Framing framing, std::string_view name, std::string_view id, std::string_view data,
                   int64_t retry_millis, std::string& out);

// The head of a stream's response. `extra_headers`: each `Name: value\r\n`. An unchunked stream (HTTP/1.0) ends with
// its connection.
std::string StreamHead(bool chunked, std::string_view extra_headers);

// The end of a chunked stream; what tells a clean end from a cut.
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

// Bytes that are written at once: SSE blocks or WebSocket frames are appended to body(), then Finish
// makes a chunk of them in place.
class Block {
 public:
  Block() { Clear(); }

  // Append only.
  std::string& body() { return bytes_; }
  bool empty() const { return bytes_.size() == kLead; }
  size_t body_size() const { return bytes_.size() - kLead; }
  size_t capacity() const { return bytes_.capacity(); }

  // The body as one chunk, or as it is. Valid until the block is changed; call it once.
  std::string_view Finish(bool chunked);

  // Empties it; keeps the memory unless that is large.
  void Clear();

 private:
  static constexpr size_t kLead = 10;  // room for a chunk's size: 8 hex digits and CR LF
  static constexpr size_t kKeepMax = 256 * 1024;

  std::string bytes_;
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_FRAMING_H_
