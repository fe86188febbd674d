#include "edge/event_names.h"

namespace weir::edge {

EventNames::EventNames() : names_({"other"}) {}

uint16_t EventNames::Number(std::string_view name) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (const auto it = numbers_.find(name); it != numbers_.end()) {
    return it->second;
  }
  if (names_.size() == kNamesMax) {
    return 0;
  }
  const auto number = static_cast<uint16_t>(names_.size());
  names_.emplace_back(name);
  numbers_.emplace(std::string(name), number);
  return number;
}

std::vector<std::string> EventNames::names() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return names_;
}

}  // namespace weir::edge
