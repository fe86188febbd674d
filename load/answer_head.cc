#include "load/answer_head.h"

#include "absl/status/status.h"
#include "absl/strings/ascii.h"

namespace weir::load {

absl::StatusOr<std::optional<std::string_view>> AnswerHead::Take(std::string_view bytes) {
  constexpr std::string_view kEnd = "\r\n\r\n";
  part_.append(bytes);
  const size_t end = part_.find(kEnd);
  if (end == std::string::npos) {
    if (part_.size() > kBytesMax) {
      return absl::FailedPreconditionError("the answer's head does not end");
    }
    return std::nullopt;
  }
  const size_t body_bytes = part_.size() - end - kEnd.size();
  std::string head = part_.substr(0, end);
  part_.clear();
  const std::string status = head.substr(0, head.find('\r'));
  absl::AsciiStrToLower(&head);
  if (status.find(" 200") == std::string::npos) {
    return absl::FailedPreconditionError(status);
  }
  if (head.find("\ncontent-type: text/event-stream") == std::string::npos) {
    return absl::FailedPreconditionError("the answer is no text/event-stream");
  }
  chunked_ = head.find("\ntransfer-encoding: chunked") != std::string::npos;
  return bytes.substr(bytes.size() - body_bytes);
}

}  // namespace weir::load
