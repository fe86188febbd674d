// Counts the events of a SubscribeResponse straight from gRPC's slices, without copying them together: what a reader
// that only needs to know where each event is would do. Pure.
#ifndef WEIR_TESTS_BENCH_BUS_BATCH_SCAN_H_
#define WEIR_TESTS_BENCH_BUS_BATCH_SCAN_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/wire.h"

namespace weir::bench {

// Walks over the pieces of one message.
class PieceReader {
 public:
  explicit PieceReader(std::span<const std::string_view> pieces) : pieces_(pieces) { Settle(); }

  bool done() const { return pieces_.empty(); }
  size_t passed() const { return passed_; }

  void Skip(size_t bytes) {
    passed_ += bytes;
    while (bytes > 0 && !pieces_.empty()) {
      const size_t here = std::min(bytes, pieces_.front().size() - at_);
      at_ += here;
      bytes -= here;
      Settle();
    }
    over_ = over_ || bytes > 0;
  }

  // The next bytes, at least 64 of them unless the message ends before; valid until the next call.
  std::string_view Peek() {
    if (pieces_.empty()) {
      return {};
    }
    const std::string_view rest = pieces_.front().substr(at_);
    if (rest.size() >= head_.size() || pieces_.size() == 1) {
      return rest;
    }
    size_t size = 0;
    size_t at = at_;
    for (size_t i = 0; i < pieces_.size() && size < head_.size(); ++i, at = 0) {
      const std::string_view piece = pieces_[i].substr(at).substr(0, head_.size() - size);
      std::copy(piece.begin(), piece.end(), head_.begin() + static_cast<std::ptrdiff_t>(size));
      size += piece.size();
    }
    return {head_.data(), size};
  }

  // Skip went beyond the end.
  bool over() const { return over_; }

 private:
  void Settle() {
    while (!pieces_.empty() && at_ == pieces_.front().size()) {
      pieces_ = pieces_.subspan(1);
      at_ = 0;
    }
  }

  std::span<const std::string_view> pieces_;
  size_t at_ = 0;  // within the first
  size_t passed_ = 0;
  bool over_ = false;
  std::array<char, 64> head_{};
};

// Calls `visit(sequence)` for each event; false when the message is malformed. A message that is no batch has none.
template <typename F>
bool ScanBatch(std::span<const std::string_view> pieces, F&& visit) {
  PieceReader message(pieces);
  const auto header = [&](std::string_view bytes, uint64_t& tag, uint64_t& size) {
    wire::Reader reader(bytes);
    const bool read = reader.Varint(tag) && reader.Varint(size);
    message.Skip(bytes.size() - reader.rest().size());
    return read;
  };
  while (!message.done()) {
    uint64_t tag = 0;
    uint64_t size = 0;
    if (!header(message.Peek(), tag, size) || (tag & 7) != 2) {
      return false;
    }
    if (tag >> 3 != 2) {  // not SubscribeResponse.batch
      message.Skip(size);
      continue;
    }
    for (const size_t end = message.passed() + size; message.passed() < end;) {
      // EventBatch.events begins with the event's cursor and sequence.
      const std::string_view bytes = message.Peek();
      wire::Reader reader(bytes);
      uint64_t cursor_tag = 0;
      uint64_t cursor_size = 0;
      uint64_t sequence_tag = 0;
      uint64_t sequence = 0;
      if (!reader.Varint(tag) || tag != 0x0a || !reader.Varint(size)) {
        return false;
      }
      const size_t start = bytes.size() - reader.rest().size();
      if (!reader.Varint(cursor_tag) || cursor_tag != 0x0a || !reader.Varint(cursor_size) ||
          cursor_size > reader.rest().size()) {
        return false;
      }
      wire::Reader after(reader.rest().substr(cursor_size));
      if (!after.Varint(sequence_tag) || sequence_tag != 0x10 || !after.Varint(sequence)) {
        return false;
      }
      visit(sequence);
      message.Skip(start + size);
    }
  }
  return !message.over();
}

}  // namespace weir::bench

#endif  // WEIR_TESTS_BENCH_BUS_BATCH_SCAN_H_
