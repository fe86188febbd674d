#include "edge/framing.h"

namespace weir::edge {

void AppendControl(Framing framing, std::string_view name, std::string_view id, std::string_view data,
                   int64_t retry_millis, std::string& out) {
  (framing == Framing::kSse ? AppendControlFrame : AppendControlMessage)(name, id, data, retry_millis, out);
}

std::string StreamHead(bool chunked, std::string_view extra_headers) {
  std::string head =
      "HTTP/1.1 200 OK\r\n"
      "Content-Type: text/event-stream\r\n"
      "Cache-Control: no-cache\r\n"
      "X-Accel-Buffering: no\r\n"
      "X-Content-Type-Options: nosniff\r\n"
      "Vary: Accept\r\n";
  head += chunked ? "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n" : "Connection: close\r\n";
  head += extra_headers;
  head += "\r\n";
  return head;
}

std::string_view Block::Finish(bool chunked) {
  if (!chunked) {
    return std::string_view(bytes_).substr(kLead);
  }
  size_t size = body_size();
  size_t start = kLead;
  bytes_[--start] = '\n';
  bytes_[--start] = '\r';
  do {
    bytes_[--start] = "0123456789abcdef"[size & 0xF];
    size >>= 4;
  } while (size != 0);
  bytes_ += "\r\n";
  return std::string_view(bytes_).substr(start);
}

void Block::Clear() {
  if (bytes_.capacity() > kKeepMax) {
    bytes_ = std::string();
  }
  bytes_.assign(kLead, '\0');
}

}  // namespace weir::edge
