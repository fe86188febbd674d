#include "load/stream_scanner.h"

#include <algorithm>
#include <charconv>

namespace weir::load {

std::string_view StreamScanner::Join(std::string_view bytes) {
  joined_.assign(part_);
  joined_.append(bytes);
  return joined_;
}

void StreamScanner::TakeId(std::string_view id) {
  if (id.ends_with('\r')) {
    id.remove_suffix(1);
  }
  id_size_ = static_cast<uint8_t>(std::min(id.size(), id_.size()));
  std::memcpy(id_.data(), id.data(), id_size_);
}

uint64_t StreamScanner::Marked(std::string_view payload) {
  const size_t at = payload.find('@');
  uint64_t value = 0;
  if (at != std::string_view::npos) {
    std::from_chars(payload.data() + at + 1, payload.data() + payload.size(), value);
  }
  return value;
}

uint64_t StreamScanner::SequenceOf(std::string_view id) {
  uint64_t value = 0;
  const size_t at = id.rfind('-') + 1;
  std::from_chars(id.data() + at, id.data() + id.size(), value);
  return value;
}

bool StreamScanner::IsControl(std::string_view name) const {
  return name.starts_with("weir.") || std::find(others_->begin(), others_->end(), name) != others_->end();
}

}  // namespace weir::load
