// The head of the answer to a reader's request, as it comes, from any server. Pure.
#ifndef WEIR_LOAD_ANSWER_HEAD_H_
#define WEIR_LOAD_ANSWER_HEAD_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace weir::load {

class AnswerHead {
 public:
  static constexpr size_t kBytesMax = 64 * 1024;

  // What `bytes` hold of the stream behind the head; null while that has not ended. FAILED_PRECONDITION when no event
  // stream follows: the status line, or what else is wrong.
  absl::StatusOr<std::optional<std::string_view>> Take(std::string_view bytes);

  // The stream comes in chunks; see ChunkReader. When the head has ended.
  bool chunked() const { return chunked_; }

 private:
  std::string part_;  // until it ends
  bool chunked_ = false;
};

}  // namespace weir::load

#endif  // WEIR_LOAD_ANSWER_HEAD_H_
