#include "edge/http/head_reader.h"

namespace weir::edge {

HeadReader::HeadReader(std::string& kept, std::string_view more, size_t head_bytes_max)
    : kept_(kept), rest_(more), seen_(more.empty() ? 0 : kept.size()), head_bytes_max_(head_bytes_max) {
  if (!kept_.empty()) {
    kept_.append(more);
    rest_ = kept_;
  }
  size_ = rest_.size();
}

std::optional<std::variant<RequestHead, HeadFault>> HeadReader::Next() {
  if (rest_.empty()) {
    return std::nullopt;
  }
  const size_t size = HeadSize(rest_, seen_);
  if (size > head_bytes_max_ || (size == 0 && rest_.size() > head_bytes_max_)) {
    return Fault(problem::kHeadTooLarge, "");
  }
  if (!MayBeRequest(rest_)) {
    return Fault(problem::kBadRequest, "this is no HTTP request");
  }
  if (const auto fault = size == 0 ? FaultInBytes(rest_, seen_) : std::nullopt) {
    return Fault(fault->problem, fault->detail);
  }
  if (size == 0) {
    return std::nullopt;
  }
  const std::string_view head = rest_.substr(0, size);
  rest_.remove_prefix(size);
  seen_ = 0;
  return ParseHead(head);
}

HeadFault HeadReader::Fault(const Problem& problem, std::string_view detail) {
  rest_ = {};
  return {problem, detail};
}

void HeadReader::Keep() {
  if (rest_.empty()) {
    kept_ = std::string();  // gives the memory back
  } else if (kept_.empty()) {
    kept_.assign(rest_);
  } else {
    kept_.erase(0, kept_.size() - rest_.size());
  }
}

}  // namespace weir::edge
