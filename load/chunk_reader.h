// Takes the framing of `Transfer-Encoding: chunked` (RFC 9112, 7.1) off a stream, as it comes. Pure.
#ifndef WEIR_LOAD_CHUNK_READER_H_
#define WEIR_LOAD_CHUNK_READER_H_

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace weir::load {

class ChunkReader {
 public:
  // Calls `on_data(piece)` for what `bytes` hold of the body. What is no chunk is passed over.
  template <typename F>
  void Feed(std::string_view bytes, F&& on_data) {
    while (!bytes.empty()) {
      if (left_ > 0) {
        const std::string_view piece = bytes.substr(0, std::min<uint64_t>(left_, bytes.size()));
        left_ -= piece.size();
        bytes.remove_prefix(piece.size());
        on_data(piece);
      } else {
        TakeSize(bytes.front());
        bytes.remove_prefix(1);
      }
    }
  }

 private:
  // A byte of a size's line, or of the end of the data before it, which is an empty line.
  void TakeSize(char byte) {
    const int digit = byte >= '0' && byte <= '9'   ? byte - '0'
                      : byte >= 'a' && byte <= 'f' ? byte - 'a' + 10
                      : byte >= 'A' && byte <= 'F' ? byte - 'A' + 10
                                                   : -1;
    if (byte == '\n') {
      left_ = size_;
      size_ = 0;
      in_size_ = true;
    } else if (digit >= 0 && in_size_) {
      size_ = size_ << 4 | static_cast<uint64_t>(digit);
    } else {
      in_size_ = false;  // an extension
    }
  }

  uint64_t left_ = 0;  // of this chunk's data
  uint64_t size_ = 0;
  bool in_size_ = true;
};

}  // namespace weir::load

#endif  // WEIR_LOAD_CHUNK_READER_H_
