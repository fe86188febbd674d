#include "clients/cli/line_reader.h"

#include <unistd.h>

#include <cerrno>

#include "fmt/format.h"

namespace weir::cli {

absl::StatusOr<std::string> LineReader::Next() {
  bool too_long = false;
  size_t searched = begin_;
  for (;;) {
    const size_t newline = buffer_.find('\n', searched);
    const bool found = newline != std::string::npos;
    if (found || (ended_ && (begin_ < buffer_.size() || too_long))) {
      const size_t end = found ? newline : buffer_.size();
      std::string line = buffer_.substr(begin_, end - begin_);
      begin_ = found ? newline + 1 : end;
      if (too_long || line.size() > line_bytes_max_) {
        return absl::ResourceExhaustedError(fmt::format("the line is longer than {} bytes", line_bytes_max_));
      }
      return line;
    }
    if (ended_) {
      return absl::OutOfRangeError("end of input");
    }
    buffer_.erase(0, begin_);
    begin_ = 0;
    if (buffer_.size() > line_bytes_max_) {
      too_long = true;
      buffer_.clear();
    }
    searched = buffer_.size();
    buffer_.resize(searched + 64 * 1024);
    ssize_t count = 0;
    do {
      count = read(fd_, buffer_.data() + searched, buffer_.size() - searched);
    } while (count < 0 && errno == EINTR);
    if (count < 0) {
      buffer_.resize(searched);
      return absl::ErrnoToStatus(errno, "cannot read the input");
    }
    buffer_.resize(searched + static_cast<size_t>(count));
    ended_ = count == 0;
  }
}

}  // namespace weir::cli
