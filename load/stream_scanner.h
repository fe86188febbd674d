// Finds the events in the bytes of one stream, SSE or WebSocket, as they come. Pure; no allocation per event.
//
// It relies on what the benchmarks publish: every payload holds its number in its topic as `@` and digits, once, before
// any other `@`. Transfer framing is not taken off: its lines look like no field, and every target's chunks end at a
// line's end.
#ifndef WEIR_LOAD_STREAM_SCANNER_H_
#define WEIR_LOAD_STREAM_SCANNER_H_

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace weir::load {

class StreamScanner {
 public:
  // Calls `on_event(sequence)` when the last byte of an event was read.
  template <typename F>
  void Feed(std::string_view bytes, F&& on_event) {
    if (!part_.empty()) {
      bytes = Join(bytes);
    }
    const size_t used = web_socket_ ? FeedFrames(bytes, on_event) : FeedLines(bytes, on_event);
    part_.assign(bytes.substr(used));
  }

  // The id of the last event, as a reader returns with it; empty before the first.
  std::string_view last_id() const { return {id_.data(), id_size_}; }
  uint64_t gaps() const { return gaps_; }
  // From now on the bytes are WebSocket frames.
  void BeginFrames() { web_socket_ = true; }
  // The next bytes are those of another stream.
  void Restart() {
    part_.clear();
    sequence_ = 0;
    web_socket_ = false;
  }

 private:
  // What was left over, and then these.
  std::string_view Join(std::string_view bytes);
  void TakeId(std::string_view id);
  static uint64_t Marked(std::string_view payload);

  template <typename F>
  size_t FeedLines(std::string_view bytes, F&& on_event) {
    size_t at = 0;
    for (;;) {
      const size_t end = bytes.find('\n', at);
      if (end == std::string_view::npos) {
        return at;
      }
      const std::string_view line = bytes.substr(at, end - at);
      at = end + 1;
      if (line.starts_with("data: ")) {
        sequence_ = Marked(line);
      } else if (line.starts_with("id: ")) {
        TakeId(line.substr(4));
      } else if (line.empty()) {
        if (sequence_ != 0) {
          on_event(sequence_);
          sequence_ = 0;
        }
      } else if (line == "event: weir.gap") {
        ++gaps_;
      }
    }
  }

  template <typename F>
  size_t FeedFrames(std::string_view bytes, F&& on_event) {
    size_t at = 0;
    for (;;) {
      const std::string_view rest = bytes.substr(at);
      if (rest.size() < 4) {
        return at;
      }
      const auto byte = [&](size_t i) { return static_cast<uint8_t>(rest[i]); };
      size_t head = 2;
      size_t size = byte(1) & 0x7F;
      if (size == 126) {
        head = 4;
        size = static_cast<size_t>(byte(2)) << 8 | byte(3);
      }
      if (rest.size() < head + size) {  // the benchmarks' messages are below 64 KiB
        return at;
      }
      const std::string_view payload = rest.substr(head, size);
      at += head + size;
      if ((byte(0) & 0x0F) != 1) {
        continue;  // a ping
      }
      if (const uint64_t sequence = Marked(payload); sequence != 0) {
        on_event(sequence);
      } else if (payload.starts_with("{\"event\":\"weir.gap\"")) {
        ++gaps_;
      }
    }
  }

  std::string part_;    // of a line or a frame
  std::string joined_;  // while it is fed
  uint64_t sequence_ = 0;
  uint64_t gaps_ = 0;
  std::array<char, 46> id_{};
  uint8_t id_size_ = 0;
  bool web_socket_ = false;
};

}  // namespace weir::load

#endif  // WEIR_LOAD_STREAM_SCANNER_H_
