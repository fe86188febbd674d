// Finds the events in the bytes of one stream, SSE or WebSocket, as they come. Pure; no allocation per event.
//
// An event's number is what its payload holds as `@` and digits, once, before any other `@`, as the benchmarks publish
// it; or, after CountIds, the sequence in its id, as Weir writes it. Transfer framing need not be taken off where
// chunks end at a line's end: its lines look like no field.
#ifndef WEIR_LOAD_STREAM_SCANNER_H_
#define WEIR_LOAD_STREAM_SCANNER_H_

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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
  // From now on events are known by their ids (SSE alone). The first block with one, those named `weir.…` and those
  // named in `others`, which outlives the scanner, are what the edge says itself.
  void CountIds(const std::vector<std::string>* others) {
    others_ = others;
    first_ = true;
  }
  // From now on the bytes are WebSocket frames.
  void BeginFrames() { web_socket_ = true; }
  // The next bytes are those of another stream.
  void Restart() {
    part_.clear();
    sequence_ = 0;
    web_socket_ = false;
    first_ = true;
    with_id_ = false;
    control_ = false;
  }

 private:
  // What was left over, and then these.
  std::string_view Join(std::string_view bytes);
  void TakeId(std::string_view id);
  static uint64_t Marked(std::string_view payload);
  static uint64_t SequenceOf(std::string_view id);
  bool IsControl(std::string_view name) const;

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
        sequence_ = others_ == nullptr ? Marked(line) : sequence_;
      } else if (line.starts_with("id: ")) {
        TakeId(line.substr(4));
        sequence_ = others_ == nullptr ? sequence_ : SequenceOf(line);
        with_id_ = true;
      } else if (line.empty()) {
        const bool own = others_ != nullptr && ((with_id_ && std::exchange(first_, false)) || control_);
        if (sequence_ != 0 && !own) {
          on_event(sequence_);
        }
        sequence_ = 0;
        with_id_ = false;
        control_ = false;
      } else if (line == "event: weir.gap") {
        ++gaps_;
        control_ = true;
      } else if (others_ != nullptr && line.starts_with("event: ")) {
        control_ = IsControl(line.substr(7));
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
  bool first_ = true;     // of the blocks with an id
  bool with_id_ = false;  // this block
  bool control_ = false;
  const std::vector<std::string>* others_ = nullptr;
};

}  // namespace weir::load

#endif  // WEIR_LOAD_STREAM_SCANNER_H_
