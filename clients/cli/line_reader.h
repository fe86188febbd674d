// Lines from a file descriptor, as soon as each is complete, and never more than a bound of memory. One thread.
#ifndef WEIR_CLIENTS_CLI_LINE_READER_H_
#define WEIR_CLIENTS_CLI_LINE_READER_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace weir::cli {

class LineReader {
 public:
  // Does not own `fd`.
  explicit LineReader(int fd, size_t line_bytes_max = 4 * 1024 * 1024) : fd_(fd), line_bytes_max_(line_bytes_max) {}

  // The next line without its newline; a last line may lack one. OUT_OF_RANGE at the end; RESOURCE_EXHAUSTED for a line
  // that is longer than the bound, which is passed over; otherwise the error of reading.
  absl::StatusOr<std::string> Next();

 private:
  const int fd_;
  const size_t line_bytes_max_;
  std::string buffer_;
  size_t begin_ = 0;  // of what is not yet given out
  bool ended_ = false;
};

}  // namespace weir::cli

#endif  // WEIR_CLIENTS_CLI_LINE_READER_H_
